"""Who may decide what: duties, money limits, four eyes. Reads only."""

from decimal import Decimal

from core import clock
from core.errors import NotAllowed
from decisions_app.models import Option
from exceptions_app.models import ExceptionRecord
from plant_app.models import User
from plant_app.selectors.duty import duties_of

# What a duty may spend by one decision, in the site's currency; shipped defaults of the playbooks.
LEAD = Decimal(2500)
MONEY_LIMITS: dict[str, Decimal] = {
    "shift_supervisor": Decimal(500),
    "maintenance_lead": LEAD,
    "quality_engineer": LEAD,
    "logistics_lead": LEAD,
    "purchasing_lead": LEAD,
    "planning_lead": LEAD,
    "cs_lead": LEAD,
    "engineering_lead": LEAD,
    "area_manager": Decimal(5000),
    "plant_manager": Decimal(25000),
    "operations_director": Decimal("Infinity"),
}
# Reporting a quantity and alone approving what it costs is not for one person.
FOUR_EYES = {"scrap", "use_as_is"}


def check_decider(*, exception: ExceptionRecord, option: Option, actor: User, cost: Decimal) -> None:
    """Refuse who may not take this option here: duty, money limit, four eyes."""
    if actor.is_superuser:
        return
    duties = duties_of(user=actor, site=exception.site, at=clock.now())
    holding = duties & set(option.deciders)
    if not holding:
        names = ", ".join(duty.replace("_", " ") for duty in option.deciders)
        raise NotAllowed("decisions.not_a_decider", f"{option.name} is decided by: {names}.")
    limit = max((MONEY_LIMITS.get(duty, Decimal(0)) for duty in duties), default=Decimal(0))
    if cost > limit:
        raise NotAllowed(
            "decisions.over_limit",
            f"{cost} {exception.site.currency} is over your limit of {limit}.",
            "The next level up has to decide.",
        )
    if option.code in FOUR_EYES and exception.reported_by_id == actor.pk:
        raise NotAllowed(
            "decisions.four_eyes",
            "Who reported the quantity may not alone decide this.",
            "Ask a second person.",
        )
