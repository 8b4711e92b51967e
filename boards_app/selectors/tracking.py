"""What whoever reported may know of it without a login: reference, how it stands in plain words, and who is coming.

Functions, never names: the address may be anybody's by now. Nothing of what others said or decided is shown.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core import signing

from boards_app import wording
from core import clock
from core.errors import NotFound
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, ReadingStatus, Response, ResponseStatus, Signal

_SALT: Final = "boards.track"
LIFE: Final = timedelta(days=30)
_WORDS: Final = {
    Status.TRIAGE: ("A person looks at it first", "It is not lost: somebody reads it and passes it on."),
    Status.OPEN: ("The right people are told", ""),
    Status.ACKNOWLEDGED: ("Somebody has taken it on", ""),
    Status.DECIDED: ("It is decided what happens", "The work on it has begun."),
    Status.RESOLVED: ("It is solved", "Thank you for reporting it."),
    Status.CLOSED: ("It is solved", "Thank you for reporting it."),
    Status.CANCELLED: ("It was closed without further work", "If it is still there, report it again."),
}
_ICONS: Final = {
    Status.TRIAGE: "hourglass", Status.OPEN: "bell", Status.ACKNOWLEDGED: "check", Status.DECIDED: "check-check",
    Status.RESOLVED: "circle-check", Status.CLOSED: "circle-check", Status.CANCELLED: "ban",
}  # fmt: skip
_COMING: Final = (
    ResponseStatus.ACTING, ResponseStatus.ARRIVED, ResponseStatus.ON_THE_WAY, ResponseStatus.ACKNOWLEDGED,
)  # fmt: skip
_ENDED: Final = (Status.RESOLVED, Status.CLOSED, Status.CANCELLED)


@dataclass(frozen=True)
class Followed:
    """The whole of the page."""

    ref: str
    lead: str
    more: str
    icon: str
    coming: str
    at: datetime
    zone: str
    over: bool = False


def tracking_token(signal: Signal) -> str:
    """The signed address part of a report; good for LIFE."""
    return signing.dumps(signal.pk, salt=_SALT)


def signal_of(token: str) -> Signal:
    """The report a tracking address names. Raises NotFound `track.link` for a forged or outdated one."""
    try:
        pk = signing.loads(token, salt=_SALT, max_age=LIFE)
    except signing.BadSignature:
        pk = None
    signal = Signal.objects.select_related("reading", "site").filter(pk=pk).first() if pk else None
    if signal is None:
        raise NotFound(
            "track.link", "This link is not valid any more.", "Scan the code on the machine again."
        )
    return signal


def followed(signal: Signal) -> Followed:
    """How a report stands. At most three queries."""
    at, zone = signal.received_at, signal.site.timezone if signal.site else "UTC"
    reading = signal.reading
    exception = (
        ExceptionRecord.objects.select_related("site", "merged_into").filter(pk=reading.exception_id).first()
        if reading.exception_id
        else None
    )
    if exception is None:
        if reading.status == ReadingStatus.PENDING:
            return Followed("", "It has arrived", "It is read in a moment.", "hourglass", "", at, zone)
        return Followed("", "It has arrived", "Nothing further follows from it.", "check", "", at, zone, True)
    exception = exception.merged_into or exception
    status = Status(exception.status)
    lead, more = _WORDS[status]
    over = status in _ENDED
    coming = "" if over else _coming(exception)
    return Followed(exception.ref, lead, more, _ICONS[status], coming, at, zone, over)


def _coming(exception: ExceptionRecord) -> str:
    """ "Maintenance is on the way, 4 min": the function furthest on its way, owner first."""
    rows = list(Response.objects.filter(exception=exception, status__in=_COMING).select_related("function"))
    if not rows:
        return ""
    best = min(rows, key=lambda row: (_COMING.index(ResponseStatus(row.status)), not row.is_owner))
    name = best.function.name
    if best.status == ResponseStatus.ACTING:
        return f"{name} is working on it"
    if best.status == ResponseStatus.ARRIVED:
        return f"{name} is there"
    if best.status == ResponseStatus.ON_THE_WAY or best.eta_at is not None:
        return f"{name} is on the way{_minutes(best)}"
    return f"{name} knows and has it"


def _minutes(response: Response) -> str:
    if response.eta_at is None:
        return ""
    minutes = (response.eta_at - clock.now()) / timedelta(minutes=1)
    return f", {wording.left(minutes)}" if minutes > 0 else ", here any moment"
