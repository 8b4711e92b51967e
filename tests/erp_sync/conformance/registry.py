"""The list of cases: each with a name, what it shows in words, and the optional contract it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.erp_sync.conformance.bench import Stage

Play = Callable[[Stage], None]


@dataclass(frozen=True)
class Case:
    """`words` say what holds; `needs` is the optional protocol of the port a connector may be without."""

    name: str
    words: str
    play: Play
    needs: type | None = None


CASES: dict[str, Case] = {}


def case(words: str, needs: type | None = None) -> Callable[[Play], Play]:
    """Decorator: make a function a case under its own name."""

    def keep(play: Play) -> Play:
        name = play.__name__
        if name in CASES:
            raise ValueError(f"two cases are called {name}")
        CASES[name] = Case(name, words, play, needs)
        return play

    return keep


def case_of_kind(kind: str) -> None:
    """A case for one kind: taken and found in the books once, or refused in words and nowhere in the books."""

    def play(stage: Stage) -> None:
        taken_or_refused(stage, kind)

    name = f"kind_{kind.replace('.', '_')}"
    CASES[name] = Case(name, f"`{kind}` ends in one document, or is refused in words", play)


def taken_or_refused(stage: Stage, kind: str) -> None:
    """What `case_of_kind` plays."""
    adapter, payload = stage.adapter(), stage.bench.payload(kind)
    offered = adapter.capabilities()[kind]
    if payload is None:
        command = stage.command(kind, {})
        assert not offered.supported
        assert len(offered.reason.split()) > 3, offered.reason
        outcome = stage.send(adapter, command)
        assert (outcome.status, outcome.message) == ("local", offered.reason)
        assert stage.proxy is None or stage.proxy.seen == []
        return
    stage.prepare(adapter, kind)
    command = stage.command(kind)
    assert offered.supported
    assert adapter.capability(command).supported
    outcome = stage.post(adapter, command)
    assert outcome.erp_number
    assert outcome.error_code == ""
    assert len(stage.numbers(command)) == 1
    again = stage.post(stage.adapter(), command)
    assert again.erp_number == outcome.erp_number
    assert len(stage.numbers(command)) == 1
