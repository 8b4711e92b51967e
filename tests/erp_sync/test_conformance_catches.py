"""The suite finds what it is there to find: connectors spoiled on purpose fail at the case that says so."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from erp_sync.adapters import handling, port
from erp_sync.errors import ErpUnavailable
from tests.erp_sync.conformance import benches
from tests.erp_sync.conformance.bench import Bench, Stage, staged
from tests.erp_sync.conformance.registry import CASES
from tests.erp_sync.conformance.sample_bench import AbacusBench

Spoil = Callable[[Any], None]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = AbacusBench()
    made.open()
    yield made
    made.close()


def never_looks(adapter: Any) -> None:
    """Posts without looking for the key."""
    handler = _own_handler(adapter)
    handler.find = lambda desk, job: None


def _own_handler(adapter: Any) -> Any:
    """The handler of the main kind, made this adapter's own so that it can be spoiled."""
    kind = type(adapter).handlers["movement.scrap"]
    own = type(kind)()
    adapter.handlers = {**type(adapter).handlers, "movement.scrap": own}
    return own


def believes_in_nothing_sent(adapter: Any) -> None:
    """Takes a lost answer for a request that never left."""
    send = adapter.send

    def spoiled(command: port.PostingCommand) -> port.Outcome:
        outcome: port.Outcome = send(command)
        return replace(outcome, status="retry") if outcome.status == "unknown" else outcome

    adapter.send = spoiled


def believes_in_absence(adapter: Any) -> None:
    """Takes an ERP that can't be asked for one that has nothing."""
    look_up = adapter.look_up

    def spoiled(command: port.PostingCommand) -> port.Outcome | None:
        try:
            found: port.Outcome | None = look_up(command)
        except ErpUnavailable:
            return None
        return found

    adapter.look_up = spoiled


def takes_drafts_for_done(adapter: Any) -> None:
    """Stops after the first of two steps and calls it done."""
    handler = _own_handler(adapter)

    def drive(desk: Any, job: Any, found: Any) -> handling.Found:
        row = desk.client.post("/documents", handler.body(desk, job))
        return handling.Found("document", row["number"], row["number"], "draft")

    handler.drive = drive


def never_reads_again(adapter: Any) -> None:
    """Writes without reading the stock before."""
    _own_handler(adapter).check = lambda desk, job: None


def shows_something_else(adapter: Any) -> None:
    """Shows one step of two."""
    handler = _own_handler(adapter)
    whole = handler.preview
    handler.preview = lambda desk, job: whole(desk, job)[:1]


def follows_anybody(adapter: Any) -> None:
    """Goes where it is sent, with all it carries."""
    http = adapter._client._edge._http
    http.follow_redirects, http.event_hooks, http.timeout = True, {}, httpx.Timeout(1)


def tells_its_key(adapter: Any) -> None:
    """Puts the key into what people read."""
    send = adapter.send
    adapter.send = lambda command: replace(send(command), raw={"headers": adapter._client._headers()})


def rounds(adapter: Any) -> None:
    """Cuts decimals off."""
    handler = _own_handler(adapter)
    whole = handler.body
    handler.body = lambda desk, job: whole(desk, job) | {"quantity": str(int(job.payload.quantity))}


def skips_where_it_stopped(adapter: Any) -> None:
    """Goes on one row too late."""
    pull = adapter.pull

    def spoiled(entity: str, watermark: str = "") -> Iterator[port.Page]:
        for page in pull(entity, watermark):
            yield replace(page, records=page.records[bool(watermark) :])

    adapter.pull = spoiled


def lists_by_place(adapter: Any) -> None:
    """Goes on in a list at the place it had come to, whatever was taken away meanwhile."""
    identities = adapter.identities

    def spoiled(entity: str) -> Iterator[str]:
        for place in itertools.count():
            left = list(identities(entity))[place:]
            if not left:
                return
            yield left[0]

    adapter.identities = spoiled


def takes_nothing_back(adapter: Any) -> None:
    """Takes back nothing and says it did."""
    handler = type(adapter.reversals["movement.scrap"])()
    handler.find = lambda desk, job: handling.Found("document", "1", "R-1", "posted")
    adapter.reversals = {**adapter.reversals, "movement.scrap": handler}


def doubles_its_reversals(adapter: Any) -> None:
    """Takes back again what was taken back."""
    handler = type(adapter.reversals["movement.scrap"])()
    handler.find = lambda desk, job: None
    adapter.reversals = {**adapter.reversals, "movement.scrap": handler}


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (never_looks, "duplicate_send"),
        (never_looks, "lost_after_effect"),
        (never_looks, "senders_of_one_key"),
        (believes_in_nothing_sent, "lost_after_effect"),
        (believes_in_nothing_sent, "half_an_answer"),
        (believes_in_nothing_sent, "garbage_answer"),
        (believes_in_absence, "look_up_away"),
        (takes_drafts_for_done, "kind_movement_scrap"),
        (takes_drafts_for_done, "look_up_half_done"),
        (never_reads_again, "drifted"),
        (shows_something_else, "preview_is_what_is_sent"),
        (follows_anybody, "redirect_refused"),
        (tells_its_key, "secrets_stay_inside"),
        (rounds, "decimals_exact"),
        (skips_where_it_stopped, "pull_resumed"),
        (doubles_its_reversals, "reversal_twice"),
        (doubles_its_reversals, "reversal_of_movement_scrap"),
        (takes_nothing_back, "reversal_of_movement_scrap"),
        (takes_nothing_back, "reversal_whole"),
        (lists_by_place, "identities_while_deleted"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_spoiled_connector_fails_at_the_case_that_says_so(bench: Bench, spoil: Spoil, name: str) -> None:
    with staged(bench, str) as stage:
        _spoiled(stage, spoil)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            CASES[name].play(stage)
    with staged(bench, str) as stage:
        CASES[name].play(stage)


def _spoiled(stage: Stage, spoil: Spoil) -> None:
    """Every connector this stage makes is spoiled."""
    whole = stage.adapter

    def adapter(**options: Any) -> port.ErpAdapter:
        made = whole(**options)
        spoil(made)
        return made

    stage.adapter = adapter  # type: ignore[method-assign]
    build = stage.bench.build

    def built(options: Any) -> port.ErpAdapter:
        made = build(options)
        spoil(made)
        return made

    stage.bench = _With(stage.bench, built)  # type: ignore[assignment]


class _With:
    """A bench whose connectors are spoiled too."""

    def __init__(self, bench: Bench, build: Callable[[Any], port.ErpAdapter]) -> None:
        self._bench, self.build = bench, build

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bench, name)


def test_every_connector_is_in_the_suite() -> None:
    """A connector nobody made a bench for would be one nobody checks."""
    played = {bench.name for bench in benches.ALL.values()}
    shipped = {
        kind for kind in port.kinds() if port._REGISTRY[kind].__module__.startswith("erp_sync.adapters.")
    }
    assert len(shipped) > 7
    assert shipped - played == set()
