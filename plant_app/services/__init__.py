"""Every state change of the plant, one module per room; other apps import the verbs from here."""

from plant_app.services.access import (
    Answer,
    check_badge,
    device_for,
    forget_answers,
    issue_badge,
    issue_token,
    pair_device,
    remember_answer,
    request_digest,
    revoke_device,
    revoke_token,
    token_for,
)
from plant_app.services.adoption import set_level
from plant_app.services.catalogue import load_catalogue, load_functions
from plant_app.services.codes import (
    address_of,
    code_of_token,
    code_sheet,
    codes_for,
    revoke_codes,
    token_of,
)
from plant_app.services.live import (
    impose_constraint,
    lift_constraints,
    request_resequence,
    restate_constraint,
    set_unit_state,
)
from plant_app.services.mirror import (
    Drift,
    Gap,
    Lent,
    PullResult,
    RowChange,
    apply_pull,
    here_now,
    rehearse_pull,
)
from plant_app.services.mirror_book import Scope
from plant_app.services.mirror_gone import SWEPT, Swept, sweep_gone
from plant_app.services.mirror_stock import StockKey, key_of, sweep_stock
from plant_app.services.overlay import (
    clear_overlay,
    clear_stock_overlay,
    overlay_stock,
    overlay_value,
    settle_overlay,
    settle_stock_overlay,
)
from plant_app.services.people import choose_language
from plant_app.services.plan import PlanRow, publish_plan
from plant_app.services.progress import note_confirmed, report_progress, stop_operation
from plant_app.services.roster import (
    answer_swap,
    ask_swap,
    say_away,
    say_back,
    set_cover,
    take_shift,
    withdraw_swap,
)

__all__ = [
    "SWEPT",
    "Answer",
    "Drift",
    "Gap",
    "Lent",
    "PlanRow",
    "PullResult",
    "RowChange",
    "Scope",
    "StockKey",
    "Swept",
    "address_of",
    "answer_swap",
    "apply_pull",
    "ask_swap",
    "check_badge",
    "choose_language",
    "clear_overlay",
    "clear_stock_overlay",
    "code_of_token",
    "code_sheet",
    "codes_for",
    "device_for",
    "forget_answers",
    "here_now",
    "impose_constraint",
    "issue_badge",
    "issue_token",
    "key_of",
    "lift_constraints",
    "load_catalogue",
    "load_functions",
    "note_confirmed",
    "overlay_stock",
    "overlay_value",
    "pair_device",
    "publish_plan",
    "rehearse_pull",
    "remember_answer",
    "report_progress",
    "request_digest",
    "request_resequence",
    "restate_constraint",
    "revoke_codes",
    "revoke_device",
    "revoke_token",
    "say_away",
    "say_back",
    "set_cover",
    "set_level",
    "set_unit_state",
    "settle_overlay",
    "settle_stock_overlay",
    "stop_operation",
    "sweep_gone",
    "sweep_stock",
    "take_shift",
    "token_for",
    "token_of",
    "withdraw_swap",
]
