"""The verbs of routing; the only writers of its tables. Import from here."""

from routing_app.services.approving import approval_is_stale, approve, ask_approval, send_back, withdraw
from routing_app.services.backtesting import Backtest, backtest
from routing_app.services.checking import Checked, check_draft, kept_checks
from routing_app.services.drafting import (
    apply_ruleset,
    clone_rule,
    move_rule,
    next_order,
    place_rule,
    set_enabled,
)
from routing_app.services.files import (
    CONTENT_TYPES,
    FORMATS,
    FileFaults,
    apply_import,
    export_file,
    prepare_import,
    read_file,
)
from routing_app.services.matrix import set_matrix_row
from routing_app.services.publishing import load_default_rules, publish, roll_back
from routing_app.services.routing import Routed, Tried, reevaluate, route, try_facts

__all__ = [
    "CONTENT_TYPES",
    "FORMATS",
    "Backtest",
    "Checked",
    "FileFaults",
    "Routed",
    "Tried",
    "apply_import",
    "apply_ruleset",
    "approval_is_stale",
    "approve",
    "ask_approval",
    "backtest",
    "check_draft",
    "clone_rule",
    "export_file",
    "kept_checks",
    "load_default_rules",
    "move_rule",
    "next_order",
    "place_rule",
    "prepare_import",
    "publish",
    "read_file",
    "reevaluate",
    "roll_back",
    "route",
    "send_back",
    "set_enabled",
    "set_matrix_row",
    "try_facts",
    "withdraw",
]
