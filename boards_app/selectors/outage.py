"""The banner of an ERP that is away, or works off what waited for it: since when, how much waits, how far it is.

Reads the outbox; owns no wording. One query while every ERP answers, a handful for each that does not.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min, Prefetch, Q

from core import clock
from erp_sync.draining import drain_state, waiting_of
from erp_sync.models import AlarmKind, ErpConnection, OutboxAlarm
from notify_app.models import AlarmNotice, NoticeChannel
from plant_app.models import Site


@dataclass(frozen=True)
class Outage:
    """One ERP that is away or just came back. `phase`: silent, trial, draining; `share` done, from 0 to 1; `told` names
    whoever was told of its silence."""

    name: str
    phase: str
    since: datetime | None
    waiting: int
    done: int
    share: float
    per_minute: int
    ends_at: datetime | None
    oldest_at: datetime | None
    promise_at: datetime | None
    told: list[str]

    @property
    def minutes(self) -> float:
        """How long it has been silent, at least one: "silent for 0 min" would read as not silent."""
        return max(1.0, (clock.now() - self.since) / timedelta(minutes=1)) if self.since else 1.0

    @property
    def whole(self) -> int:
        """What the outage left behind, done and to do."""
        return self.done + self.waiting


def outages(sites: Collection[Site]) -> list[Outage]:
    """Every ERP of `sites` that is away or not done yet with what waited. One query when there is none."""
    rows = ErpConnection.objects.filter(
        enabled=True, is_ledger=False, silent_since__isnull=False, site_links__site__in=sites
    )
    found = []
    for connection in rows.distinct().order_by("code"):
        state = drain_state(connection)
        if not state.phase or (state.phase == "draining" and not state.waiting):
            continue
        found.append(
            Outage(
                name=connection.name,
                phase=state.phase,
                since=state.since,
                waiting=state.waiting,
                done=state.done,
                share=state.share,
                per_minute=round(state.per_minute),
                ends_at=state.ends_at,
                oldest_at=state.oldest_at,
                promise_at=waiting_of(connection).aggregate(at=Min("promise_at"))["at"],
                told=[] if state.phase != "silent" else _told(connection),
            )
        )
    return found


def away(site: Site) -> ErpConnection | None:
    """The ERP of `site` that has been away longest, a first try after its silence included. One query."""
    rows = ErpConnection.objects.filter(
        Q(open_until__isnull=False) | Q(on_trial=True),
        enabled=True, is_ledger=False, silent_since__isnull=False, site_links__site=site,
    )  # fmt: skip
    return rows.order_by("silent_since", "pk").first()


def _told(connection: ErpConnection) -> list[str]:
    alarm = (
        OutboxAlarm.objects.filter(connection=connection, kind=AlarmKind.SILENT, cleared_at=None)
        .prefetch_related(_NOTICES)
        .first()
    )
    return names_told(alarm) if alarm is not None else []


_NOTICES = Prefetch(
    "notices",
    AlarmNotice.objects.filter(channel=NoticeChannel.IN_APP, person__isnull=False)
    .select_related("person")
    .order_by("pk"),
)


def names_told(alarm: OutboxAlarm) -> list[str]:
    """Who was told of an alarm, in the order they were."""
    return [str(notice.person) for notice in alarm.notices.all()]


def open_alarms(sites: Collection[Site]) -> list[OutboxAlarm]:
    """Alarms of `sites` and of the ERPs that serve them, with whom they were told to. Two queries."""
    served = ErpConnection.objects.filter(site_links__site__in=sites)
    rows = OutboxAlarm.objects.filter(cleared_at=None, connection__in=served).exclude(kind=AlarmKind.SILENT)
    return list(
        rows.filter(site__in=sites)
        .select_related("connection", "site")
        .prefetch_related(_NOTICES)
        .order_by("raised_at", "pk")
    )
