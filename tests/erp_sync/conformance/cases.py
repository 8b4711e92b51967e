"""The cases of sending: every kind, every fault at every step, refusals, logins, reversals. Played for each connector.

A case says what must hold whatever the ERP: what an answer proves, that one key means one document, that nothing is
said to be so that is not. It knows no connector; what differs is asked of the bench.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Lock

import pytest

from erp_sync.adapters import port
from erp_sync.errors import ErpRejected, ErpUnavailable
from tests.erp_sync.conformance.bench import Stage
from tests.erp_sync.conformance.registry import case, case_of_kind

KINDS = (
    "confirmation", "movement.issue", "movement.receipt", "movement.scrap", "movement.block", "movement.unblock",
    "movement.transfer", "movement.return", "quality_event", "inspection_result", "maintenance_notification", "cost",
    "change.date", "change.quantity", "change.cancel", "operation.move", "customer_answer",
)  # fmt: skip
for _kind in KINDS:
    case_of_kind(_kind)


def faulty(stage: Stage, fault: str, allowed: set[str], steps: tuple[bytes, ...] = ()) -> None:
    """The fault at each step of one posting, each time with a posting of its own: one document in the end."""
    for step in steps or stage.bench.steps():
        adapter, command = stage.adapter(), stage.command()
        with stage.fault(fault, step) as rule:
            first = stage.send(adapter, command)
            assert rule is None or rule.hits == 1, (step, first)
        assert first.status in allowed, (step, first)
        assert first.erp_number == "" or first.status == "unknown", (step, first)
        assert first.error_code, (step, first)
        assert first.message, (step, first)
        stage.post(adapter, command)
        assert len(stage.numbers(command)) == 1, step


def ends(stage: Stage) -> tuple[bytes, ...]:
    """The first and the last step: where a status means the same at all of them, these two are enough."""
    steps = stage.bench.steps()
    return tuple(dict.fromkeys((steps[0], steps[-1])))


def impatient(stage: Stage, fault: str) -> tuple[port.PostingCommand, port.Outcome]:
    """A posting whose first step is slower than our patience, once it is over; what `send` said of it."""
    adapter, command = stage.adapter(read_timeout=stage.bench.patience[0]), stage.command()
    adapter.ping()
    with stage.fault(fault, stage.bench.steps()[0]) as rule:
        assert rule is not None
        for _ in range(10):  # on a slow machine a read before the step may take too long itself
            first = stage.send(adapter, command)
            if rule.hits:
                break
            assert first.status == "retry", first
        assert rule.over.wait(60)
    return command, first


@case("A request that never arrived is unclear until looked up, and ends in one document")
def lost_before_effect(stage: Stage) -> None:
    faulty(stage, "before", {"unknown", "retry"})


@case("An answer lost after the effect is unclear until looked up, and ends in one document, at every step")
def lost_after_effect(stage: Stage) -> None:
    faulty(stage, "after", {"unknown"})


@case("An answer cut in the middle is no answer")
def half_an_answer(stage: Stage) -> None:
    faulty(stage, "half", {"unknown"}, ends(stage))


@case("A page of a lobby with 200 is no answer")
def garbage_answer(stage: Stage) -> None:
    faulty(stage, "garbage", {"unknown"}, ends(stage))


@case("502 before the effect proves nothing")
def bad_gateway_before_effect(stage: Stage) -> None:
    faulty(stage, "502", {"unknown", "retry"}, ends(stage))


@case("502 after the effect proves nothing either")
def bad_gateway_after_effect(stage: Stage) -> None:
    faulty(stage, "502 after", {"unknown"}, ends(stage))


@case("503 is never a business no")
def service_unavailable(stage: Stage) -> None:
    faulty(stage, "503", {"unknown", "retry"}, ends(stage))


@case("429 is sent again later, says so, and hands on the pause the ERP asks for")
def rate_limited(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    step = stage.bench.steps()[0]
    with stage.fault("429", step):
        first = stage.send(adapter, command)
    assert first.status == "retry", first
    assert first.error_code.endswith(".busy"), first
    assert first.raw.get("retry_after") == 1
    assert stage.numbers(command) == []
    stage.post(adapter, command)
    assert len(stage.numbers(command)) == 1


@case("A redirect to another host is not followed and not taken for success")
def redirect_refused(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    with stage.fault("redirect", stage.bench.steps()[0]):
        first = stage.send(adapter, command)
    with pytest.raises(BlockingIOError):
        stage.elsewhere.accept()
    assert first.status in ("retry", "unknown"), first
    stage.post(adapter, command)
    assert len(stage.numbers(command)) == 1


@case("An answer slower than our patience is unclear and found by looking")
def slow_answer(stage: Stage) -> None:
    command, first = impatient(stage, "slow")
    assert first.status == "unknown", first
    stage.post(stage.adapter(), command)
    assert len(stage.numbers(command)) == 1


@case("An effect that comes after we gave up is waited for, and not doubled")
def late_effect(stage: Stage) -> None:
    usual = stage.bench.build({})
    assert usual.settle_after >= timedelta(seconds=5)
    usual.close()
    command, first = impatient(stage, "late")
    assert first.status == "unknown", first
    stage.post(stage.adapter(), command)
    assert len(stage.numbers(command)) == 1


@case("A refused connection proves that nothing happened")
def nobody_there(stage: Stage) -> None:
    command = stage.command()
    away = stage.bench.build(stage.bench.away())
    stage.adapters.append(away)
    outcome = stage.send(away, command)
    assert outcome.status == "retry", outcome
    assert outcome.error_code
    assert away.ping().ok is False
    assert stage.numbers(command) == []


@case("An ERP that can't be asked is no proof of absence")
def look_up_away(stage: Stage) -> None:
    away = stage.bench.build(stage.bench.away())
    stage.adapters.append(away)
    with pytest.raises(ErpUnavailable) as trouble:
        away.look_up(stage.command())
    assert trouble.value.sent is False


@case("A rule of the ERP broken is a definite no with a code and the ERP's words, and leaves nothing")
def business_refusal(stage: Stage) -> None:
    adapter = stage.adapter()
    command = stage.command(payload=stage.bench.refused())
    last = stage.settle(adapter, command)[-1]
    assert last.status == "rejected", last
    assert last.error_code
    assert len(last.message) > 5
    assert stage.numbers(command) == []


@case("A refused posting, edited, goes under the same key")
def edited_after_refusal(stage: Stage) -> None:
    adapter = stage.adapter()
    command = stage.command(payload=stage.bench.refused())
    assert stage.settle(adapter, command)[-1].status == "rejected"
    mended = replace(command, payload=stage.bench.payload(command.kind) or {})
    stage.post(adapter, mended)
    assert len(stage.numbers(command)) == 1


@case("A payload that breaks its own rules is refused without asking")
def payload_refused(stage: Stage) -> None:
    adapter = stage.adapter()
    command = stage.command(quantity="-3")
    outcome = stage.send(adapter, command)
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.payload")
    assert "quantity" in outcome.message
    assert stage.proxy is None or stage.proxy.seen == []
    assert stage.numbers(command) == []


@case("A code of ours that must be mapped and is not holds the posting, before anything is written")
def mapping_missing(stage: Stage) -> None:
    options, kind, payload = stage.bench.unmapped()
    adapter, command = stage.adapter(**options), stage.command(kind, payload)
    outcome = stage.send(adapter, command)
    assert outcome.status == "rejected", outcome
    assert outcome.error_code.endswith(".mapping_missing"), outcome
    assert len(outcome.message.split()) > 3
    assert stage.numbers(command) == []
    if isinstance(adapter, port.Previewing):
        with pytest.raises(ErpRejected, match=re.escape(outcome.message)):
            adapter.preview(command)


@case("Locked by another user is sent again later, and says so")
def locked(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command(*stage.bench.contended())
    with stage.bench.lock():
        first = stage.send(adapter, command)
        assert first.status == "retry", first
        assert first.error_code.endswith(".busy"), first
        assert first.message
        assert stage.numbers(command) == []
    stage.post(adapter, command)
    assert len(stage.numbers(command)) == 1


@case("What changed in the ERP meanwhile stops the posting, with both values, before anything is written")
def drifted(stage: Stage) -> None:
    adapter = stage.adapter()
    kind, payload = stage.bench.drift()
    command = stage.command(kind, payload)
    outcome = stage.send(adapter, command)
    assert outcome.status == "rejected", outcome
    assert outcome.error_code.endswith(".drifted"), outcome
    told = outcome.raw["drift"]
    assert told
    for difference in told:
        assert set(difference) == {"field", "ours", "theirs"}
        assert difference["ours"] != difference["theirs"]
    assert stage.numbers(command) == []


@case("The same posting sent twice is one document with one number")
def duplicate_send(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    first = stage.post(adapter, command)
    again = stage.post(stage.adapter(), command)
    assert first.erp_number == again.erp_number
    assert len(stage.numbers(command)) == 1


@case("Senders of one key, one at a time as the outbox promises, make one document")
def senders_of_one_key(stage: Stage) -> None:
    command, one_writer = stage.command(), Lock()

    def worker(adapter: port.ErpAdapter) -> port.Outcome:
        with one_writer:
            return stage.post(adapter, command)

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(worker, [stage.adapter() for _ in range(3)]))
    assert len({outcome.erp_number for outcome in outcomes}) == 1
    assert len(stage.numbers(command)) == 1


@case("Senders of different keys at the same time make one document each")
def senders_of_many_keys(stage: Stage) -> None:
    commands = [stage.command() for _ in range(4)]
    adapters = [stage.adapter() for _ in commands]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(stage.post, adapters, commands))
    assert len({outcome.erp_number for outcome in outcomes}) == 4
    assert [len(stage.numbers(command)) for command in commands] == [1, 1, 1, 1]


@case("A login that ended meanwhile is renewed without a word")
def expired_login(stage: Stage) -> None:
    adapter = stage.adapter()
    stage.post(adapter, stage.command())
    stage.bench.expire(adapter)
    command = stage.command()
    stage.post(adapter, command)
    assert len(stage.numbers(command)) == 1


@case("A login that is refused proves that nothing happened, and is told by the test of the connection")
def wrong_login(stage: Stage) -> None:
    stranger, command = stage.adapter(**stage.bench.wrong_login()), stage.command()
    outcome = stage.send(stranger, command)
    assert outcome.status == "retry", outcome
    health = stranger.ping()
    assert health.ok is False
    assert health.detail
    assert stage.numbers(command) == []


@case("A key nobody posted is absent")
def look_up_absent(stage: Stage) -> None:
    assert stage.adapter().look_up(stage.command()) is None


@case("A posting cut off in the middle is found half done, and then finished")
def look_up_half_done(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    with stage.fault("after", stage.bench.steps()[0]):
        assert stage.send(adapter, command).status == "unknown"
    found = adapter.look_up(command)
    assert found is not None
    assert (found.status, found.raw["half_done"]) == ("unknown", True)
    stage.post(adapter, command)
    assert len(stage.numbers(command)) == 1


@case("A posted key is found again, by another process too, with the same number")
def look_up_confirmed(stage: Stage) -> None:
    command = stage.command()
    posted = stage.post(stage.adapter(), command)
    found = stage.adapter().look_up(command)
    assert found is not None
    assert (found.status, found.erp_number) == ("confirmed", posted.erp_number)
    assert found.confirmed_at is None or found.confirmed_at.tzinfo is not None


@case("A document somebody cancelled in the ERP is found as that, and not posted again")
def look_up_cancelled(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    stage.post(adapter, command)
    stage.bench.cancel(command)
    found = adapter.look_up(command)
    assert found is not None
    assert found.status == "rejected"
    assert found.error_code


@case("A reversal takes the effect back")
def reversal(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    before = stage.bench.level()
    posted = stage.post(adapter, command)
    assert stage.bench.level() != before
    back = stage.back(command, posted.erp_number)
    assert adapter.capability(back).supported
    stage.post(adapter, back)
    assert stage.bench.level() == before


@case("A reversal sent twice takes the effect back once")
def reversal_twice(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    before = stage.bench.level()
    back = stage.back(command, stage.post(adapter, command).erp_number)
    first, again = stage.post(adapter, back), stage.post(stage.adapter(), back)
    assert first.erp_number == again.erp_number
    assert stage.bench.level() == before


@case("A reversal whose answer is lost takes the effect back once")
def reversal_lost(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    before = stage.bench.level()
    back = stage.back(command, stage.post(adapter, command).erp_number)
    with stage.fault("after", stage.bench.undoing()):
        first = stage.send(adapter, back)
    assert first.status == "unknown", first
    stage.post(adapter, back)
    assert stage.bench.level() == before


@case("A reversal of what the ERP does not hold is refused, and changes nothing")
def reversal_of_unknown(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    before = stage.bench.level()
    last = stage.settle(adapter, stage.back(command, "0000000000"))[-1]
    assert last.status == "rejected", last
    assert last.message
    assert stage.bench.level() == before
