"""What whoever reported may know of it without a login: reference, how it stands in plain words, and who is coming.

Functions, never names: the address may be anybody's by now. Nothing of what others said or decided is shown.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from boards_app import spoken
from core import clock
from core.errors import NotFound
from core.languages import label
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, ReadingStatus, Response, ResponseStatus, Signal

_SALT: Final = "boards.track"
LIFE: Final = timedelta(days=30)
_WORDS: Final = {
    Status.TRIAGE: (
        gettext_noop("A person looks at it first"),
        gettext_noop("It is not lost: somebody reads it and passes it on."),
    ),
    Status.OPEN: (gettext_noop("The right people are told"), ""),
    Status.ACKNOWLEDGED: (gettext_noop("Somebody has taken it on"), ""),
    Status.DECIDED: (gettext_noop("It is decided what happens"), gettext_noop("The work on it has begun.")),
    Status.RESOLVED: (gettext_noop("It is solved"), gettext_noop("Thank you for reporting it.")),
    Status.CLOSED: (gettext_noop("It is solved"), gettext_noop("Thank you for reporting it.")),
    Status.CANCELLED: (
        gettext_noop("It was closed without further work"),
        gettext_noop("If it is still there, report it again."),
    ),
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
            "track.link", _("This link is not valid any more."), _("Scan the code on the machine again.")
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
            return Followed("", _("It has arrived"), _("It is read in a moment."), "hourglass", "", at, zone)
        return Followed(
            "", _("It has arrived"), _("Nothing further follows from it."), "check", "", at, zone, True
        )
    exception = exception.merged_into or exception
    status = Status(exception.status)
    lead, more = _WORDS[status]
    over = status in _ENDED
    coming = "" if over else _coming(exception)
    return Followed(exception.ref, label(lead), label(more), _ICONS[status], coming, at, zone, over)


def _coming(exception: ExceptionRecord) -> str:
    """ "Maintenance is on the way, 4 min": the function furthest on its way, owner first."""
    rows = list(Response.objects.filter(exception=exception, status__in=_COMING).select_related("function"))
    if not rows:
        return ""
    best = min(rows, key=lambda row: (_COMING.index(ResponseStatus(row.status)), not row.is_owner))
    name = label(best.function.name)
    if best.status == ResponseStatus.ACTING:
        return _("{name} is working on it").format(name=name)
    if best.status == ResponseStatus.ARRIVED:
        return _("{name} is there").format(name=name)
    if best.status == ResponseStatus.ON_THE_WAY or best.eta_at is not None:
        return _("{name} is on the way").format(name=name) + _minutes(best)
    return _("{name} knows and has it").format(name=name)


def _minutes(response: Response) -> str:
    if response.eta_at is None:
        return ""
    minutes = (response.eta_at - clock.now()) / timedelta(minutes=1)
    return f", {spoken.left(minutes)}" if minutes > 0 else _(", here any moment")
