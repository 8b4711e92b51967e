"""The backtest of the draft on stored cases: reads, replays, compares; stores nothing but a result kept for a while.

Owns which cases are replayed. Must not know what became of the records: whoever joins outcomes lives above.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from json import dumps
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db.models import QuerySet
from redis.exceptions import RedisError

from core import clock
from core.errors import InvalidInput, NotFound, TransitionRefused
from plant_app.models import Site
from routing_app.backtest import REHEARSAL, Case, Report, compare
from routing_app.engine import CompiledRules, RulesetInvalid, compile_rules
from routing_app.models import RoutingCase
from routing_app.ruleset import RulesetSpec
from routing_app.selectors import compiled, draft_spec, latest_version

MONTH: Final = timedelta(days=30)
LONGEST: Final = 24
#: Replaying takes about 0.5 ms a case, so that even this many are an answer while one waits.
MOST: Final = 10_000
_KEPT_SECONDS: Final = 600


@dataclass(frozen=True)
class Backtest:
    """A report with what it rests on. `stored` counts the cases of the time asked for; only the newest `MOST` are
    replayed."""

    report: Report
    version: int
    months: int
    since: datetime
    stored: int

    @property
    def complete(self) -> bool:
        """Whether every stored case of the time was replayed."""
        return self.report.replayed == self.stored


def backtest(*, months: int = 3, most: int = MOST) -> Backtest:
    """Replay the openings of the last `months` (30 days each) against the published version and the draft.

    At most `most` of them, the newest first; the result is kept for ten minutes or until rules or cases change.
    InvalidInput `routing.backtest_months`; NotFound `routing.version_missing`; TransitionRefused
    `routing.draft_unusable`. Takes no lock, writes no row.
    """
    if not 1 <= months <= LONGEST:
        raise InvalidInput("routing.backtest_months", f"Choose 1 to {LONGEST} months.", field="months")
    version = latest_version()
    if version is None:
        raise NotFound("routing.version_missing", "No rules are published yet.", "Publish the draft first.")
    spec = draft_spec()
    draft = usable(spec)
    since = clock.now() - months * MONTH
    rows = RoutingCase.objects.filter(
        opening__isnull=True, created_at__gte=since, created_at__lte=clock.now()
    ).exclude(origin_ref__startswith=REHEARSAL)
    stored = rows.count()
    newest = RoutingCase.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    key = _key(version.digest, spec, months, most, newest, stored)
    kept = _kept(key)
    if kept is not None:
        return kept
    found = Backtest(
        report=compare(_cases(since, most), compiled(version), draft),
        version=version.number,
        months=months,
        since=since,
        stored=stored,
    )
    with suppress(RedisError):  # then the next look replays again
        cache.set(key, found, _KEPT_SECONDS)
    return found


def _kept(key: str) -> Backtest | None:
    """A result of the last minutes; None also while the cache can't be reached."""
    with suppress(RedisError):
        kept = cache.get(key)
        return kept if isinstance(kept, Backtest) else None
    return None


def usable(spec: RulesetSpec) -> CompiledRules:
    """A draft ready to be replayed; TransitionRefused `routing.draft_unusable`."""
    try:
        return compile_rules(spec)
    except RulesetInvalid as problem:
        raise TransitionRefused("routing.draft_unusable", f"The draft can't be replayed. {problem}") from None


def _key(digest: str, spec: RulesetSpec, months: int, most: int, newest: int, stored: int) -> str:
    asked = dumps([digest, spec.as_dict(), months, most, newest, stored], sort_keys=True)
    return f"backtest:{sha256(asked.encode()).hexdigest()}"


def _openings(since: datetime) -> QuerySet[RoutingCase]:
    rows = RoutingCase.objects.filter(
        opening__isnull=True, created_at__gte=since, created_at__lte=clock.now()
    )
    return rows.exclude(origin_ref__startswith=REHEARSAL)


def _cases(since: datetime, most: int) -> list[Case]:
    """The newest openings since a moment with the facts of their re-evaluations; two queries."""
    rows = list(
        RoutingCase.objects.filter(opening__isnull=True, created_at__gte=since, created_at__lte=clock.now())
        .exclude(origin_ref__startswith=REHEARSAL)
        .order_by("-pk")
        .values_list("pk", "origin_ref", "created_at", "facts")[:most]
    )
    later: dict[int, list[dict[str, Any]]] = {}
    if rows:
        again = (
            RoutingCase.objects.filter(opening__isnull=False, opening_id__gte=rows[-1][0])
            .order_by("pk")
            .values_list("opening_id", "facts")
        )
        for opening_id, facts in again.iterator(chunk_size=2000):
            if opening_id is not None:
                later.setdefault(opening_id, []).append(facts)
    zones = {code.casefold(): ZoneInfo(zone) for code, zone in Site.objects.values_list("code", "timezone")}
    plain = ZoneInfo("UTC")
    return [
        Case(
            pk=pk,
            origin=origin,
            at=at,
            hour=at.astimezone(zones.get(str(facts.get("site", "")).casefold(), plain)).hour,
            facts=facts,
            later=tuple(later.get(pk, ())),
        )
        for pk, origin, at, facts in rows
    ]
