"""Who may decide what: duties, money limits, grades of an order change, tier A promises, four eyes; whose yes it needs.

Reads only. Asking for the yes is `services.approvals`' business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core import clock
from core.errors import NotAllowed, TransitionRefused
from decisions_app.inputs import amount
from decisions_app.models import ApprovalWhy, MoneyLimit, Option
from exceptions_app.models import ExceptionRecord, SignalReading
from exceptions_app.models.responses import ANSWERED
from plant_app.models import Duty, DutyAssignment, Site, User
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
# Who is asked when a decision is over its decider's limit: the first whose own limit covers it.
LEVELS = ("shift_supervisor", "area_manager", "plant_manager", "operations_director")
# An emergency is only for what can't wait for anybody.
EMERGENCY = frozenset({"critical"})
# Reporting a quantity and alone approving what it costs is not for one person.
FOUR_EYES = {"scrap", "use_as_is"}
# Accepting an order change, by its grade; none and information are open to every decider of the option.
GRADES: dict[str, frozenset[str]] = {
    "warning": frozenset({"planner", "planning_lead", "plant_manager", "operations_director"}),
    "error": frozenset({"planning_lead", "plant_manager", "operations_director"}),
}
# What only these do where a tier A customer's promise moves or is refused.
TIER_A: dict[str, frozenset[str]] = {
    "defer": frozenset({"planning_lead", "plant_manager", "operations_director"}),
    "reschedule": frozenset({"planning_lead", "plant_manager", "operations_director"}),
    "reject": frozenset({"plant_manager", "operations_director"}),
}


def decision_cost(option: Option, exception: ExceptionRecord, values: Mapping[str, Any]) -> Decimal:
    """What a decision costs: the money entered, and for scrap the quantity at standard cost, for rework its time."""
    cost = amount(values, "cost")
    templates = {posting.template for posting in option.postings.all()}
    if "cost_scrap" in templates and exception.item is not None:
        cost += amount(values, "quantity") * exception.item.standard_cost
    if "cost_rework" in templates and exception.work_centre is not None:
        minutes = amount(values, "quantity") * amount(values, "minutes_each")
        cost += minutes / 60 * exception.work_centre.cost_per_hour
    return cost.quantize(Decimal("0.01"))


def duties_here(exception: ExceptionRecord, actor: User) -> frozenset[str]:
    """The duties a person holds at the exception's site now."""
    return duties_of(user=actor, site=exception.site, at=clock.now())


def check_decider(
    *,
    exception: ExceptionRecord,
    option: Option,
    actor: User,
    cost: Decimal,
    values: Mapping[str, Any] | None = None,
    reason: str | None = None,
    duties: frozenset[str] | None = None,
    approved: bool = False,
    emergency: bool = False,
) -> None:
    """Refuse who may not take this option here: four eyes, duty, money limit, second persons, grade, tier A.

    `values` are the decision's inputs; `reason` None skips the question whether one is given (a preview); `duties`
    saves the look-up. `approved`: those whose yes it needs have said it, or are about to be asked. `emergency`: their
    yes and the others' acknowledgements come afterwards. Raises NotAllowed, TransitionRefused.
    """
    if exception.drill:
        raise TransitionRefused(
            "decisions.drill",
            f"{exception.ref} is a fire drill: nothing is decided.",
            "Acknowledge it; that is all.",
        )
    _four_eyes(exception, option, actor)
    if emergency:
        _refuse_calm(exception, reason)
    held = duties_here(exception, actor) if duties is None else duties
    if not actor.is_superuser and not held & set(option.deciders):
        raise NotAllowed(
            "decisions.not_a_decider", f"{option.name} is decided by: {_names(option.deciders)}."
        )
    if not approved and not emergency and not clock.rehearsing():
        _refuse_unapproved(exception, option, actor, cost, held)
    if actor.is_superuser:
        return
    _grade(exception, option, held, reason, emergency=emergency)
    moves = option.code == "reject" or bool((values or {}).get("commit_at"))
    if option.code in TIER_A and moves and _tier(exception) == "A" and not held & TIER_A[option.code]:
        raise NotAllowed(
            "decisions.tier_a",
            f"For a tier A customer this is decided by: {_names(TIER_A[option.code])}.",
            "Ask one of them.",
        )


@dataclass(frozen=True)
class Need:
    """A yes a decision needs besides its decider's."""

    role: str
    why: str
    minutes: int
    words: str


def limits_at(site: Site) -> dict[str, Decimal]:
    """Money limits by duty at a site: its own, else everywhere's, else the shipped ones. One query."""
    limits = dict(MONEY_LIMITS)
    rows = MoneyLimit.objects.filter(site=site) | MoneyLimit.objects.filter(site__isnull=True)
    for row in sorted(rows, key=lambda row: row.site_id is not None):
        limits[row.duty] = Decimal("Infinity") if row.amount is None else row.amount
    return limits


def limit_of(held: frozenset[str], option: Option, limits: Mapping[str, Decimal]) -> Decimal:
    """What somebody with these duties may spend by taking `option`: the highest of their limits."""
    own = {duty: Decimal(str(amount)) for duty, amount in option.limits.items()}
    return max((own.get(duty, limits.get(duty, Decimal(0))) for duty in held), default=Decimal(0))


def needs_of(
    *,
    exception: ExceptionRecord,
    option: Option,
    actor: User,
    cost: Decimal,
    duties: frozenset[str] | None = None,
    limits: Mapping[str, Decimal] | None = None,
) -> list[Need]:
    """Whose yes this decision needs besides the actor's: the next level's over their limit, second persons' by rule.

    Over the limit the first level whose own covers the cost is asked; one nobody else holds at the site is passed over.
    `duties` and `limits` save look-ups.
    """
    found: dict[str, Need] = {}
    decide = int(exception.limits.get("decide") or 60)
    if cost > 0 and not actor.is_superuser:
        held = duties_here(exception, actor) if duties is None else duties
        limits = limits_at(exception.site) if limits is None else limits
        limit = limit_of(held, option, limits)
        if cost > limit:
            covers = [duty for duty in LEVELS if limit_of(frozenset({duty}), option, limits) >= cost]
            others = DutyAssignment.objects.filter(
                site=exception.site_id, duty__in=covers, person__is_active=True
            ).exclude(person=actor)
            there = set(others.values_list("duty", flat=True))
            role = next((duty for duty in covers if duty in there), [*covers, LEVELS[-1]][0])
            words = f"{cost} {exception.site.currency} is over your limit of {limit}"
            found[role] = Need(role, ApprovalWhy.LIMIT, decide, words)
    for entry in option.approvals:
        above = Decimal(str(entry.get("above", "0")))
        severities = entry.get("severity") or ()
        if (above and cost <= above) or (severities and exception.severity not in severities):
            continue
        role = str(entry["role"])
        minutes = int(entry.get("minutes") or decide)
        found.setdefault(role, Need(role, ApprovalWhy.SECOND, minutes, "a second person signs it"))
    return list(found.values())


def _refuse_unapproved(
    exception: ExceptionRecord, option: Option, actor: User, cost: Decimal, duties: frozenset[str] | None
) -> None:
    needs = needs_of(exception=exception, option=option, actor=actor, cost=cost, duties=duties)
    over = next((need for need in needs if need.why == ApprovalWhy.LIMIT), None)
    if over is not None:
        raise NotAllowed(
            "decisions.over_limit",
            f"{over.words}.",
            f"Ask for approval: {_names([over.role])} may give it.",
            approvers=[need.role for need in needs],
        )
    if needs:
        raise NotAllowed(
            "decisions.needs_approval",
            f"{option.name} takes effect once {_names([need.role for need in needs])} has approved it.",
            "Ask for approval.",
            approvers=[need.role for need in needs],
        )


def _refuse_calm(exception: ExceptionRecord, reason: str | None) -> None:
    """Only a critical record is an emergency, and only with its reason."""
    if exception.urgency not in EMERGENCY:
        raise TransitionRefused(
            "decisions.no_emergency",
            f"{exception.ref} is {exception.urgency}, not critical.",
            "Ask for approval, or raise its urgency.",
        )
    if reason is not None and not reason.strip():
        raise NotAllowed(
            "decisions.emergency_reason",
            "An emergency needs a reason; it is ratified afterwards.",
            "Say why.",
        )


def role_words(duty: str) -> str:
    """A duty as people say it."""
    return str(Duty(duty).label).lower() if duty in Duty.values else duty


def _four_eyes(exception: ExceptionRecord, option: Option, actor: User) -> None:
    if option.code not in FOUR_EYES:
        return
    said = SignalReading.objects.filter(exception=exception, signal__reporter=actor)
    if exception.reported_by_id == actor.pk or said.exists():
        raise NotAllowed(
            "decisions.four_eyes",
            "Who reported the quantity may not alone decide this.",
            "Ask a second person.",
        )


def grade_of(exception: ExceptionRecord) -> str:
    """How far an order change reaches into work begun, as seen on opening; empty for other types."""
    if exception.type.code != "order_change" or exception.route is None:
        return ""
    return str(exception.route.facts.get("grade") or "")


def _grade(
    exception: ExceptionRecord, option: Option, held: frozenset[str], reason: str | None, *, emergency: bool
) -> None:
    grade = grade_of(exception)
    if option.code != "accept" or grade not in GRADES:
        return
    if not held & GRADES[grade]:
        raise NotAllowed(
            "decisions.grade",
            f"A change of grade {grade} is accepted by: {_names(GRADES[grade])}.",
            "Counter or reject it, or ask one of them.",
        )
    if grade == "error" and reason is not None and not reason.strip():
        raise NotAllowed(
            "decisions.grade_reason", "Accepting a change of grade error needs a reason.", "Say why."
        )
    if emergency:
        return
    # The owner's own yes comes with the decision.
    silent = exception.responses.filter(required=True, is_owner=False).exclude(
        status__in=(*ANSWERED, "declined")
    )
    names = ", ".join(silent.order_by("pk").values_list("function__name", flat=True))
    if names and reason is not None:
        raise TransitionRefused(
            "decisions.not_aligned",
            f"This change reaches into work begun; still to acknowledge: {names}.",
            "Wait for them, or ask them to answer.",
        )


def _tier(exception: ExceptionRecord) -> str:
    customer = exception.customer
    if customer is None and exception.sales_line is not None:
        customer = exception.sales_line.order.customer
    return str(customer.tier) if customer else ""


def _names(duties: Any) -> str:
    return ", ".join(sorted(str(duty).replace("_", " ") for duty in duties))
