"""Fifty people at once on the same records: acknowledging, passing on, deciding. One consistent state comes of it.

Real transactions and threads. Whoever comes second gets a refusal with a code, never an exception of another kind.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from core import clock
from core.errors import DomainError
from decisions_app import services as decisions
from decisions_app.models import Decision, Task
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord, Response, Telling
from exceptions_app.services.responses.watchdog import broken
from notify_app import services as notices
from notify_app.models import Notice
from plant_app.models import Constraint
from routing_app.services import load_default_rules
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

pytestmark = pytest.mark.django_db(transaction=True)
HANDS = 50
CODE = re.compile(r"[a-z_]+(\.[a-z_0-9]+)+")


@pytest.fixture
def committed(transactional_db: None) -> Iterator[KolbeMini]:
    """The small plant, committed, so that every thread sees it."""
    plant = build_kolbe_mini()
    load_default_rules()
    decisions.load_default_playbooks()
    exceptions.load_default_sources()
    return plant


def opened(plant: KolbeMini, unit: str) -> ExceptionRecord:
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=plant.rhf), external_id=unit, text="",
        fields={"type": "machine_downtime", "work_unit": unit}, reporter=plant.people["piotr.nowak"], site=plant.rhf,
    )  # fmt: skip
    found = exceptions.read_signal(signal_id=received.signal.pk).exception
    assert found is not None
    return found


def fifty(works: list[Callable[[], Any]]) -> list[Any]:
    """All at once, each in a thread and on a connection of its own; a refusal is an answer like any other."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=60)
            return work()
        except DomainError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def refusals(answers: list[Any]) -> Counter[str]:
    found = [answer for answer in answers if isinstance(answer, DomainError)]
    assert all(CODE.fullmatch(one.code) and one.status in (403, 409) for one in found), found
    return Counter(one.code for one in found)


def test_fifty_hands_on_two_records_leave_one_consistent_state(committed: KolbeMini) -> None:
    plant, people = committed, committed.people
    rows = [opened(plant, "PRS-04"), opened(plant, "GRD-02")]
    decisions.contain_due()
    queued, until = Posting.objects.count(), (clock.now() + timedelta(hours=3)).isoformat()
    responses = [list(row.responses.order_by("pk")) for row in rows]
    works: list[Callable[[], Any]] = []
    for number in range(HANDS):
        row, asked = rows[number % 2], responses[number % 2]
        response, kind = asked[number % len(asked)], number // 2 % 5
        if kind == 0:
            works.append(lambda pk=response.pk: exceptions.acknowledge(
                response_id=pk, actor=people["ingrid.vogel"], via="desk"))  # type: ignore[misc]  # fmt: skip
        elif kind == 1:
            works.append(lambda row=row, n=number: exceptions.reroute(
                exception_id=row.pk, actor=people["ingrid.vogel"], reason="faster", expected_version=row.version,
                function_code=("production", "quality", "maintenance")[n % 3]))  # type: ignore[misc]  # fmt: skip
        elif kind == 2:
            works.append(lambda row=row: decisions.decide(
                exception_id=row.pk, option_code="repair_and_resume", inputs={"expected_up_at": until},
                actor=people["katrin.weber"]))  # type: ignore[misc]  # fmt: skip
        elif kind == 3:
            works.append(lambda pk=response.pk, who=response.person: exceptions.decline(
                response_id=pk, actor=who or people["ingrid.vogel"], via="desk", reason="busy"))  # type: ignore[misc]  # fmt: skip
        else:
            works.append((exceptions.escalate_due, notices.take_tellings, notices.record_told)[number % 3])

    answers = fifty(works)
    # whatever order it was, the decision is taken at last where the race left it open
    refused = refusals(answers)
    assert set(refused) <= {
        "exceptions.stale", "decisions.decided", "exceptions.response_declined", "exceptions.over",
        "exceptions.not_your_response", "decisions.not_open", "decisions.not_a_decider",
    }, refused  # fmt: skip
    assert refused["exceptions.stale"] >= 6
    assert sum(isinstance(answer, Decision) for answer in answers) <= len(rows)
    for row in rows:
        row.refresh_from_db()
        assert row.status in {"open", "acknowledged", "decided"}
        owner = Response.objects.get(exception=row, is_owner=True)
        assert (owner.person_id, owner.function_id) == (row.owner_id, row.owner_function_id)
        in_force = row.decisions.filter(reversed_at=None)
        assert in_force.count() <= 1
        assert row.decisions.count() == row.events.filter(kind="decided").count()
        tasks = Task.objects.filter(exception=row)
        assert set(Counter(tasks.values_list("decision", "code")).values()) <= {1}
        assert row.events.filter(kind="acknowledged", data__owner=True).count() <= 1 + row.reroute_count
        assert row.events.filter(kind="aligned").count() <= 1 + row.events.filter(
            kind__in=("rerouted", "declined")
        ).count()  # fmt: skip
        live = row.responses.exclude(status="declined").values_list("function", "site")
        assert len(live) == len(set(live))
    assert not broken().exists()
    keys = list(Posting.objects.values_list("business_key", flat=True))
    assert len(keys) == len(set(keys))
    kinds = Counter(
        Posting.objects.order_by("pk")[queued:].values_list("link__exception", "kind", "link__decision")
    )
    assert set(kinds.values()) <= {1}
    first = Telling.objects.filter(reason="first").values_list("response", "person", "level")
    assert len(first) == len(set(first))
    notices.take_tellings()
    told = Notice.objects.values_list("telling", "channel")
    assert len(told) == len(set(told))
    assert Constraint.objects.filter(kind="unit_down", lifted_at=None).count() == len(rows)


def test_of_fifty_deciders_one_wins_and_forty_nine_are_told_so(committed: KolbeMini) -> None:
    exception = opened(committed, "PRS-04")
    decisions.contain_due()
    exceptions.acknowledge(
        response_id=exception.responses.get(is_owner=True).pk,
        actor=committed.people["ingrid.vogel"],
        via="desk",
    )
    exception.refresh_from_db()
    until = (clock.now() + timedelta(hours=3)).isoformat()

    answers = fifty([
        lambda: decisions.decide(
            exception_id=exception.pk, option_code="repair_and_resume", inputs={"expected_up_at": until},
            actor=committed.people["katrin.weber"], expected_version=exception.version,
        )
    ] * HANDS)  # fmt: skip

    won = [answer for answer in answers if isinstance(answer, Decision)]
    assert len(won) == 1
    assert refusals(answers) == {"exceptions.stale": HANDS - 1}
    assert Decision.objects.get() == won[0]
    assert set(Task.objects.values_list("decision", flat=True)) == {won[0].pk}
    codes = list(Task.objects.values_list("code", flat=True))
    assert len(codes) == len(set(codes))
    exception.refresh_from_db()
    assert (exception.status, exception.events.filter(kind="decided").count()) == ("decided", 1)
