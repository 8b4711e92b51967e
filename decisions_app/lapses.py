"""When an option stops being possible, and why: one formula per type over the published plan.

An option lapses when the next operation that consumes the affected machine, material, lot or order begins, when the
alternate unit is set up for another order, when the answer is due, or when a promise gets out of reach. The window of
a record is the time until the best of its standard options lapses. The formulas are written out in
docs/response-window.md. Pure arithmetic over an `Outlook`; storing the window is `services.windows`' business.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from decisions_app.models import Option
from decisions_app.outlook import Moment, Outlook, begins, stated
from decisions_app.prefill import asked_date
from exceptions_app.models import ExceptionRecord

# Shipped defaults, in minutes.
SAME_SITE = 15  # from the shelf to the point of use
OTHER_SITE = 24 * 60  # by truck
INSPECTION = 30  # a piece or a lot looked at again before it may go on
BRING_IN = {"reassign": 10, "overtime": 0, "call_in": 90}

# What gives the plan or the promise up instead of keeping it: counted in the window only where nothing else is left.
GIVES_WAY = frozenset({"reject", "accept_date", "keep_closed"})
POSTPONES = "not_before"


@dataclass(frozen=True)
class Lapse:
    """When an option stops being possible (None: not foreseeable) and why, in words. `possible` is False for what
    cannot be done at all here."""

    until: datetime | None
    why: str
    possible: bool = True


@dataclass(frozen=True)
class Window:
    """The moment the best standard option lapses, which one that is, and why."""

    until: datetime | None
    reason: str = ""


def lapse_of(option: Option, outlook: Outlook) -> Lapse:
    """The lapse of one option."""
    finder = _FINDERS.get(outlook.exception.type.code)
    return finder(option.code, outlook) if finder is not None else Lapse(None, "no moment known")


def gives_way(option: Option) -> bool:
    """Whether taking it gives up the plan or the promise: it postpones, or it says no."""
    return POSTPONES in option.effects or option.code in GIVES_WAY


def window_of(options: Iterable[Option], outlook: Outlook) -> Window:
    """The window over the standard options: the latest lapse of those that keep plan and promise, else of the others.

    Expedited options buy time and never widen the window. None when no option's end is foreseeable.
    """
    standard = [option for option in options if option.active and not option.expedited]
    for wanted in (False, True):
        dated = [
            (lapse.until, f"{option.name}: {lapse.why}"[:160])
            for option in standard
            if gives_way(option) is wanted
            for lapse in (lapse_of(option, outlook),)
            if lapse.until is not None and lapse.possible
        ]
        if dated:
            until, reason = max(dated, key=lambda pair: pair[0])
            return Window(until, reason)
    return Window(None)


def _lapse(moment: Moment | None, words: str, otherwise: str, *, ahead: timedelta | int = 0) -> Lapse:
    """At `moment`, less what has to be done before; `words` may name whose moment it is."""
    if moment is None:
        return Lapse(None, otherwise)
    before = ahead if isinstance(ahead, timedelta) else timedelta(minutes=ahead)
    return Lapse(moment.at - before, words.format(moment.label))


def _earlier(*lapses: Lapse) -> Lapse:
    """The one that ends first; where none has an end, the first."""
    dated = [(lapse.until, place) for place, lapse in enumerate(lapses) if lapse.until is not None]
    return lapses[min(dated)[1]] if dated else lapses[0]


def _promised(outlook: Outlook, work: timedelta) -> Lapse:
    return _lapse(outlook.promise(work), "then {} is out of reach", "no promise waits")


def _machine(code: str, outlook: Outlook) -> Lapse:
    """A stopped unit: its queue, the order's next step less the work left, alternates until they are set up anew."""
    if code == "run_on_alternate":
        return _alternate(outlook)
    promised = _promised(outlook, outlook.left + outlook.rest)
    if code == "defer":
        return promised
    queued = _lapse(outlook.queued, "then {} is to begin on it", "nothing waits for it")
    following = _lapse(outlook.successor, "after that {} starts late", "", ahead=outlook.left)
    return _earlier(queued, following, promised)


def _alternate(outlook: Outlook) -> Lapse:
    if outlook.operation is None:
        return Lapse(None, "no order is affected", possible=False)
    if not outlook.beside:
        return Lapse(None, "no approved alternate runs", possible=False)
    found = [
        _earlier(
            Lapse(one.next_start.at - one.setup, f"then {one.unit} is set up for {one.next_start.label}")
            if one.next_start is not None
            else Lapse(None, f"nothing waits for {one.unit}"),
            _promised(outlook, one.setup + one.run + outlook.rest),
        )
        for one in outlook.beside
    ]
    dated = [(lapse.until, -place) for place, lapse in enumerate(found) if lapse.until is not None]
    free = next((lapse for lapse in found if lapse.until is None), None)
    return free or found[-max(dated)[1]]


def _material(code: str, outlook: Outlook) -> Lapse:
    """A missing item: until it is used up, less the shortest time to bring some."""
    if outlook.exception.item_id is None:
        return Lapse(None, "no item is named")
    if code in {"reschedule", "reschedule_need", "accept_date"}:
        return _promised(outlook, outlook.left + outlook.rest)
    out = outlook.run_out
    words = "then {} needs it" if out is not None and out.label else "then it is used up"
    ahead: timedelta | int = 0
    if code in {"expedite", "expedite_supplier", "alternate_source"}:
        ahead = supply_time(outlook)
    elif code == "substitute":
        ahead = SAME_SITE
    return _lapse(out, words, "no order waits for it", ahead=ahead)


def supply_time(outlook: Outlook) -> timedelta:
    """The shortest real time to have some: from the site's shelves, from another site, else the item's lead time as
    ERP has it (unknown: as from the shelves, so that the window is not closed by a guess)."""
    if outlook.reach.here:
        return timedelta(minutes=SAME_SITE)
    if outlook.reach.elsewhere:
        return timedelta(minutes=OTHER_SITE)
    item = outlook.exception.item
    days = item.lead_time_days if item is not None else 0
    return timedelta(days=days) if days else timedelta(minutes=SAME_SITE)


def _quality(code: str, outlook: Outlook) -> Lapse:
    """Suspect parts: until work takes them or a truck does, less the inspection (and the rework itself)."""
    exception = outlook.exception
    if exception.lot_id is None and exception.item_id is None and outlook.operation is None:
        return Lapse(None, "no lot is named")
    work = timedelta(minutes=INSPECTION)
    if code == "rework" and outlook.operation is not None and exception.quantity is not None:
        work += timedelta(minutes=float(exception.quantity * outlook.operation.run_minutes))
    used = _lapse(outlook.consumed, "then {} consumes it", "no order consumes it", ahead=work)
    gone = _lapse(outlook.leaves, "then {} leaves with it", "", ahead=work)
    if outlook.leaves is not None and outlook.leaves.at <= outlook.at:
        return Lapse(outlook.leaves.at, f"{outlook.leaves.label} has left with it")
    return _earlier(used, gone)


def _order(code: str, outlook: Outlook) -> Lapse:
    """A changed order: until its next step begins, it is picked, or the answer is due; an earlier date needs the
    work that is left to fit."""
    exception = outlook.exception
    answer = stated(exception, "answer_by")
    due = Lapse(answer, "then the answer is due") if answer is not None else Lapse(None, "always possible")
    if code == "reject":
        return due
    line = exception.sales_line
    if line is None:
        return due if answer is not None else Lapse(None, "no order line is named")
    made = _lapse(begins(outlook.line_row), "then {} begins", "nothing of it has a date")
    picked = _lapse(outlook.leaves, "then {} is picked", "")
    bounds = [made, picked, due]
    asked = asked_date(exception, line)
    if code == "accept" and asked < line.commit_at:
        bounds.append(Lapse(asked - outlook.line_lead, "then the asked date is out of reach"))
    found = _earlier(*bounds)
    return found if found.until is not None else Lapse(line.commit_at, "then it is to ship")


def _labour(code: str, outlook: Outlook) -> Lapse:
    """A missing crew: until the first work that needs it begins, less the time to bring somebody in; those present
    can be asked until they go home."""
    if outlook.exception.work_centre_id is None:
        return Lapse(None, "no work centre is named")
    first = begins(outlook.crew_row)
    if code == "defer":
        return _promised(outlook, outlook.left + outlook.rest)
    needed = _lapse(first, "then {} needs the crew", "nothing is planned there", ahead=BRING_IN.get(code, 0))
    if code != "overtime" or needed.until is None:
        return needed
    return _earlier(needed, Lapse(outlook.shift_end, "then the shift goes home"))


def _complaint(code: str, outlook: Outlook) -> Lapse:
    """A complaint: until the answer is due; sorting also until the next delivery leaves with the lot."""
    answer = stated(outlook.exception, "answer_by")
    due = Lapse(answer, "then the answer is due") if answer is not None else Lapse(None, "no answer is due")
    if code != "contain_and_sort" or outlook.leaves is None or outlook.leaves.at <= outlook.at:
        return due
    return _earlier(_lapse(outlook.leaves, "then {} leaves with it", ""), due)


def _revision(code: str, outlook: Outlook) -> Lapse:
    """An engineering change: until work begins that uses the old revision."""
    if outlook.exception.item_id is None:
        return Lapse(None, "no item is named")
    return _lapse(outlook.revision_used, "then {} uses the old revision", "no work uses it")


def _safety(code: str, outlook: Outlook) -> Lapse:
    """A locked place is never opened by the clock."""
    return Lapse(None, "safety knows no clock")


def outlook_of(exception: ExceptionRecord, at: datetime) -> Outlook:
    """The plan ahead, to be shared by all options of the record."""
    return Outlook(exception, at)


_FINDERS: dict[str, Callable[[str, Outlook], Lapse]] = {
    "machine_downtime": _machine,
    "tooling": _machine,
    "material_shortage": _material,
    "supplier_delay": _material,
    "quality_hold": _quality,
    "order_change": _order,
    "labour_shortage": _labour,
    "customer_complaint": _complaint,
    "engineering_change": _revision,
    "safety_stop": _safety,
}
