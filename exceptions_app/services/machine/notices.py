"""What a bridge has to say about itself: a bad sensor, no data, a message nobody could read.

None of these is a stop, so none may open as one: `machine_downtime` would take the machine out of the plan and
`tooling` a tool. They become triage items of the type "not sorted yet" with machine and words, one open item per
matter, for the shift supervisor to hand on; when the matter is over, the item is cleared. Nothing is interpreted here.
"""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from core import clock
from exceptions_app.channels.mqtt import BRIDGED
from exceptions_app.lifecycle import CORRELATES
from exceptions_app.models import ExceptionRecord, Interpretation, Signal
from exceptions_app.services.records.links import Links, complete, from_codes
from exceptions_app.services.records.opening import Opened, Report, clear_by_signal, open_or_join
from exceptions_app.services.records.unsorted import unsorted_type
from plant_app.models import Site

#: Field that marks such a signal.
NOTICE: Final = "machine_notice"
VERSION: Final = "machine-1"
_WHY: Final = {
    "bad_sensor": "a signal changes too often to be believed",
    "no_data": "a machine's signal has fallen silent",
    "unreadable": "a machine's message could not be read",
}
# Per matter, what the items of a key share: silence is the machine's, a sensor its own.
_BY_UNIT: Final = frozenset({"no_data"})


def notice_text(*, about: str, signal: str, unit: str, until: int) -> str:
    """The words of a notice; `until` (ms) is the end of shelving, said in UTC by the caller's record."""
    if about == "bad_sensor":
        end = datetime.fromtimestamp(until / 1000, tz=UTC).isoformat(timespec="minutes") if until else ""
        return f"Signal {signal} of {unit} changes too often: check the sensor." + (
            f" Not listened to until {end}." if end else ""
        )
    if about == "no_data":
        return f"No data from {unit}: signal {signal} is silent."
    return f"A message of {signal} could not be read; it is kept with this item."


def is_notice(signal: Signal) -> bool:
    """Whether the signal is a bridge's own notice; nobody else's message may skip being read."""
    return signal.source.adapter in BRIDGED and signal.fields.get(NOTICE) in _WHY


def follow_notice(*, signal: Signal) -> Opened:
    """Open, join or clear the item a notice is about. Runs in the reading's transaction; locks the item."""
    about, unit = str(signal.fields[NOTICE]), str(signal.fields.get("work_unit", ""))
    links = complete(from_codes({"work_unit": unit} if unit else {}), type_code=unsorted_type().code)
    links.site = links.site or signal.site or Site.objects.order_by("pk")[0]
    key = _key(about, signal, links, unit)
    Interpretation.objects.create(
        signal=signal, intent=str(signal.fields.get("intent", "report")), confidence=1.0, needs_triage=True,
        triage_reasons=[_WHY[about]], pipeline_version=VERSION, created_at=clock.now(),
        occurred_at=signal.occurred_at,
    )  # fmt: skip
    if signal.fields.get("intent") == "recovery":
        standing = ExceptionRecord.objects.filter(status__in=CORRELATES, correlation_key=key).first()
        if standing is None:
            return Opened(None, "ignored")
        at = signal.occurred_at or signal.received_at
        text = "Data is back" if about == "no_data" else "Listened to again"
        cleared = clear_by_signal(standing.pk, signal=signal, actor=None, at=at, text=text)
        return Opened(cleared, "cleared")
    return open_or_join(
        Report(
            signal=signal, type=unsorted_type(), links=links, key=key, text=_local(signal.text, links.site),
            details={"machine_notice": about, "signal": str(signal.fields.get("signal", ""))},
            occurred_at=signal.occurred_at, occurred_estimated=signal.occurred_at is None, confidence=1.0, triage=True,
            triage_reasons=(_WHY[about],),
        )
    )  # fmt: skip


def _key(about: str, signal: Signal, links: Links, unit: str) -> str:
    site = links.site.code if links.site else ""
    whose = unit if about in _BY_UNIT else f"{signal.source.code}/{unit}/{signal.fields.get('signal', '')}"
    return f"{about}:{site}:{whose}"[:200]


def _local(text: str, site: Site) -> str:
    """The end of shelving in the site's own time."""
    head, mark, end = text.rpartition(" until ")
    if not mark:
        return text
    moment = datetime.fromisoformat(end.rstrip("."))
    return f"{head} until {moment.astimezone(ZoneInfo(site.timezone)):%H:%M}."
