"""Workers and broker are killed while the floor reports: what was accepted is there once, routed, owned and told."""

import json
import logging
import threading
import time
from collections import Counter
from datetime import datetime, timedelta
from itertools import chain
from queue import Empty, Queue

import httpx
import pytest

from tests.e2e.stack import JSON, Stack
from tests.execlayer.processes import alive

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

logger = logging.getLogger(__name__)

SIGNALS, THREADS = 200, 4
TEXTS = {
    "machine_downtime": "{unit} down, hydraulic leak",
    "tooling": "tool worn on {unit}, insert chipped",
    "safety_stop": "{unit} emergency stop, light curtain open",
}
STALLED_AFTER, SETTLED_WITHIN = 45.0, 240.0
MINE = "kill-%"


class Floor:
    """People at several tablets who report as fast as they are answered."""

    def __init__(self, stack: Stack, bodies: list[JSON]) -> None:
        self._waiting: Queue[JSON] = Queue()
        for body in bodies:
            self._waiting.put(body)
        self._token = stack.login("sofia.brandt")["api_token"]
        self._url = stack.url
        self.accepted: dict[str, JSON] = {}
        self.refused: list[str] = []
        self._guard = threading.Lock()
        self._threads = [threading.Thread(target=self._report, daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    @property
    def answered(self) -> int:
        return len(self.accepted) + len(self.refused)

    def reach(self, count: int) -> None:
        """Wait until `count` reports have been answered."""
        deadline = time.monotonic() + 180
        while self.answered < count:
            assert time.monotonic() < deadline, (
                f"{self.answered} of {count} answered; refused: {self.refused[:5]}"
            )
            time.sleep(0.02)

    def _report(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        with httpx.Client(base_url=self._url, headers=headers, timeout=30) as client:
            while True:
                try:
                    body = self._waiting.get_nowait()
                except Empty:
                    return
                try:
                    answer = client.post("/api/v1/signals/", json=body)
                    said = f"{answer.status_code} {answer.text[:300]}"
                except httpx.HTTPError as error:
                    answer, said = None, repr(error)
                with self._guard:
                    if answer is not None and answer.status_code in (201, 202):
                        self.accepted[body["external_id"]] = answer.json()
                    else:
                        self.refused.append(said)


def bodies(stack: Stack) -> list[JSON]:
    """200 reports: three kinds of trouble at every unit of the site, and second reports of the first ones."""
    units = stack.sql(
        "select u.code, s.code as site from plant_app_workunit u"
        " join plant_app_workcentre c on c.id = u.work_centre_id join plant_app_area a on a.id = c.area_id"
        " join plant_app_site s on s.id = a.site_id where s.code = 'RHF' order by u.id"
    )
    first = list(chain.from_iterable(((kind, unit) for unit in units) for kind in TEXTS))
    again = first[: SIGNALS - len(first)]
    return [
        {
            "channel": "api", "external_id": f"kill-{number}", "site": unit["site"],
            "text": TEXTS[kind].format(unit=unit["code"]), "fields": {"type": kind, "work_unit": unit["code"]},
        }
        for number, (kind, unit) in enumerate([*first, *again])
    ]  # fmt: skip


def unfinished(stack: Stack) -> JSON:
    """What still waits for a worker."""
    return stack.one(
        "select (select count(*) from exceptions_app_signalreading where status = 'pending') as unread,"
        " (select count(*) from exceptions_app_telling where taken_at is null and due_at <= now()) as untold,"
        " (select count(*) from exceptions_app_exceptionrecord where contain_due_at <= now()) as uncontained,"
        " (select count(*) from notify_app_notice where status in ('queued', 'sending')"
        "  or status = 'held' and due_at <= now()) as unsent,"
        # mail a flood holds goes out together when its window is over
        " (select count(*) from notify_app_notice where recorded_at is null and status <> 'held') as unrecorded,"
        " (select count(*) from erp_sync_posting where status in ('queued', 'sending', 'unknown')) as unposted"
    )


def work_off(stack: Stack) -> None:
    """Wait until nothing waits; a busy machine may take its time, but something must keep moving."""
    deadline = time.monotonic() + SETTLED_WITHIN
    before, moved = None, time.monotonic()
    while any((rest := unfinished(stack)).values()):
        if rest != before:
            before, moved = rest, time.monotonic()
        assert time.monotonic() - moved < STALLED_AFTER, f"nothing moved for {STALLED_AFTER:.0f} s: {rest}"
        assert time.monotonic() < deadline, f"still waiting after {SETTLED_WITHIN:.0f} s: {rest}"
        time.sleep(0.5)


def test_what_was_accepted_survives_the_death_of_workers_and_broker(stack: Stack) -> None:
    # given two hundred reports on their way from several tablets
    reports = bodies(stack)
    assert len(reports) == SIGNALS
    began = time.monotonic()
    floor = Floor(stack, reports)

    # when all workers are killed, then the broker, then the workers again
    floor.reach(40)
    killed = stack.kill("celery", "worker")
    floor.reach(90)
    killed |= stack.kill("valkey-server")
    floor.reach(140)
    killed |= stack.kill("celery", "worker")
    floor.reach(SIGNALS)
    answered = time.monotonic()
    assert alive(killed) == {}

    # then nobody was refused: taking a report in needs neither of them
    assert floor.refused == []
    # and what waits is worked off once they are back
    work_off(stack)
    settled = time.monotonic()
    logger.info("accepted in %.1f s, all told %.1f s later", answered - began, settled - answered)

    there_once_and_routed(stack, floor.accepted)
    everyone_told_once(stack)

    # and the doctor finds nothing wrong
    stack.wait(lambda: stack.manage("doctor", check=False).returncode == 0, 60, "a healthy product")


def there_once_and_routed(stack: Stack, accepted: dict[str, JSON]) -> None:
    rows = stack.sql(
        "select s.external_id, r.status, r.outcome, r.exception_id, e.ref, e.correlation_key, e.owner_function_id,"
        " e.owner_id, e.route_id, e.next_step, e.contained_at, e.acknowledge_due_at,"
        " (select count(*) from exceptions_app_response p where p.exception_id = e.id and p.is_owner) as owners"
        " from exceptions_app_signal s left join exceptions_app_signalreading r on r.signal_id = s.id"
        " left join exceptions_app_exceptionrecord e on e.id = r.exception_id where s.external_id like %s",
        MINE,
    )
    assert Counter(row["external_id"] for row in rows) == dict.fromkeys(accepted, 1)
    for row in rows:
        assert row["status"] == "read", row
        assert row["route_id"] is not None, row
        assert (row["owner_function_id"] is not None, row["owner_id"] is not None) == (True, True), row
        assert row["owners"] == 1, row
        assert row["next_step"], row
        assert row["acknowledge_due_at"] is not None, row
        assert row["contained_at"] is not None, row
    # the answer given is the record that is there
    stored = {row["external_id"]: row["ref"] for row in rows}
    said = {key: answer["exception"]["ref"] for key, answer in accepted.items() if answer["exception"]}
    assert said == {key: stored[key] for key in said}
    # second reports joined the first ones, whichever came first: one record a matter
    matters = len({(body["fields"]["type"], body["fields"]["work_unit"]) for body in bodies(stack)})
    assert len(set(stored.values())) == len({row["correlation_key"] for row in rows}) == matters
    assert Counter(row["outcome"] for row in rows) == {"opened": matters, "joined": SIGNALS - matters}
    events = stack.sql(
        "select v.signal_id from exceptions_app_exceptionevent v join exceptions_app_signal s on s.id = v.signal_id"
        " where s.external_id like %s and v.kind in ('opened', 'joined')",
        MINE,
    )
    assert len(events) == len({event["signal_id"] for event in events}) == SIGNALS


def everyone_told_once(stack: Stack) -> None:
    rows = stack.sql(
        "select distinct r.exception_id from exceptions_app_signalreading r"
        " join exceptions_app_signal s on s.id = r.signal_id where s.external_id like %s",
        MINE,
    )
    mine = [row["exception_id"] for row in rows]
    untold = stack.sql(
        "select p.id, p.status, p.role from exceptions_app_response p"
        " where p.required and p.status <> 'declined' and p.exception_id = any(%s)"
        " and not exists (select 1 from notify_app_notice n where n.response_id = p.id and n.channel = 'in_app')",
        mine,
    )
    assert untold == []
    unmarked = stack.sql(
        "select id, status from exceptions_app_response"
        " where required and told_at is null and exception_id = any(%s)",
        mine,
    )
    assert unmarked == []
    twice = stack.sql(
        "select response_id, person_id, reason, level, count(*) from exceptions_app_telling"
        " where response_id is not null and dropped = '' and exception_id = any(%s)"
        " group by response_id, person_id, reason, level having count(*) > 1",
        mine,
    )
    assert twice == []
    mailed_twice = stack.sql(
        "select notice_id from notify_app_deliveryattempt where delivered group by notice_id having count(*) > 1"
    )
    assert mailed_twice == []
    contained_twice = stack.sql(
        "select exception_id, template, count(*) from decisions_app_postinglink"
        " where exception_id = any(%s) group by exception_id, template having count(*) > 1",
        mine,
    )
    assert contained_twice == []


# Level 3 is due when the outage is over, level 2 has been passed over, level 4 is far away on any machine.
RUNGS = {1: 0, 2: 4, 3: 7, 4: 120}
AWAY = timedelta(minutes=10)


def test_after_ten_minutes_of_nothing_the_right_level_is_told_once_with_the_true_age(stack: Stack) -> None:
    # given a stop whose owner has been told and has not answered
    unit = bodies(stack)[0]["fields"]["work_unit"]
    said = stack.person("sofia.brandt").tell(
        "/signals/",
        {
            "channel": "api", "external_id": "away-1", "site": "RHF", "text": f"{unit} down, hydraulic leak",
            "fields": {"type": "machine_downtime", "work_unit": unit},
        },
    )  # fmt: skip
    read = "select exception_id from exceptions_app_signalreading where signal_id = %s and exception_id is not null"
    stack.wait(lambda: stack.sql(read, said["signal"]["id"]), 60, "the report to be read")
    record = stack.one(read, said["signal"]["id"])["exception_id"]
    told = (
        "select id from exceptions_app_response where exception_id = %s and is_owner and told_at is not null"
    )
    stack.wait(lambda: stack.sql(told, record), 60, "the owner to be told")
    owner = stack.one(told, record)["id"]

    # when everything is dead for ten minutes: its clock is set back instead of waiting
    with stack.nothing_runs():
        last = stack.one("select max(id) as id from exceptions_app_telling")["id"]
        spoken = stack.one("select max(id) as id from exceptions_app_exceptionevent")["id"]
        due_at = set_back(stack, owner)
        assert stack.processes("celery") == {}
    back = stack.one("select now() as at")["at"]

    # then, once all is back and has looked around twice, its level was told once
    new = (
        "select * from exceptions_app_telling where response_id = %s and id > %s and reason = %s order by id"
    )
    stack.wait(lambda: stack.sql(new, owner, last, "escalation"), 120, "the ladder to go on")
    stack.wait(lambda: stack.answers("/readyz"), 90, "the page to be back")
    stack.wait(lambda: not unfinished(stack)["untold"], 90, "everybody to be told")
    beats = "select 1 from core_heartbeat where name = 'worker' and at > %s"
    stack.wait(lambda: stack.sql(beats, back + timedelta(seconds=5)), 90, "the next beats")
    rows = stack.sql(new, owner, last, "escalation")
    people = [row for row in rows if row["person_id"] is not None]
    assert people, rows
    # where nobody holds the duty at this hour, that stands there and the next level is asked at once
    held = [row for row in rows if row["person_id"] is None]
    assert min(row["level"] for row in rows) == 3
    assert {row["level"] for row in people} == {max(row["level"] for row in rows)}
    assert all(row["text"].startswith("Nobody on duty as ") for row in held)
    assert len({(row["person_id"], row["role"], row["level"]) for row in rows}) == len(rows)
    age = people[0]["created_at"] - due_at
    assert age >= AWAY
    ages = {
        true_age(age),
        true_age(max(AWAY, age - SLACK)),
    }  # a minute may pass between two lines of one sweep
    function = stack.one(
        "select f.name from exceptions_app_response r join plant_app_function f on f.id = r.function_id"
        " where r.id = %s",
        owner,
    )["name"]
    assert {row["text"] for row in people} <= {
        f"{function} has not acknowledged for {words}" for words in ages
    }
    # its person was reminded once
    assert len(stack.sql(new, owner, last, "reminder")) <= 1
    # and the story says once which level was passed over, and when it had been due
    event = stack.one(
        "select data from exceptions_app_exceptionevent where exception_id = %s and kind = 'escalated' and id > %s"
        " and (data->>'response')::int = %s",
        record, spoken, owner,
    )["data"]  # fmt: skip
    assert event["passed"] == [2]
    assert datetime.fromisoformat(event["due_at"]) == due_at + timedelta(minutes=RUNGS[3], seconds=10)
    # each of them has one notice in the portal, with that sentence
    for row in people:
        notice = stack.one(
            "select subject, body from notify_app_notice where telling_id = %s and channel = 'in_app'",
            row["id"],
        )
        assert row["text"] in notice["body"]


SLACK = timedelta(seconds=5)


def true_age(age: timedelta) -> str:
    return f"{int(age / timedelta(minutes=1))} min"


def set_back(stack: Stack, response: int) -> datetime:
    """Let a response have begun ten minutes ago, on the first level of a ladder with known steps; returns when."""
    row = stack.one("select ladder, now() as now from exceptions_app_response where id = %s", response)
    ladder = [
        {"level": level, "roles": rung["roles"], "after_minutes": RUNGS[level]}
        for level, rung in enumerate(row["ladder"][:4], start=1)
    ]
    assert len(ladder) == 4
    due_at: datetime = row["now"] - AWAY
    stack.sql(
        "update exceptions_app_response set ladder = %s, level = 1, due_at = %s, told_at = %s, acknowledge_due_at = %s,"
        " next_level_at = %s, remind_at = %s, reminders = 0, repeats_told = 0 where id = %s returning id",
        json.dumps(ladder), due_at, due_at, due_at + timedelta(minutes=4),
        due_at + timedelta(minutes=4, seconds=10), due_at + timedelta(minutes=3), response,
    )  # fmt: skip
    return due_at
