"""One node: the signals of it somebody defined, each with its debouncer, and what came of them since the last store.

A node is the unit of leasing: one worker at a time holds it, with sequence, aliases and states. Pure; the service that
stores a node takes `snapshot` and says `stored` when it is safe.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from exceptions_app.machine.book import Binding, Book
from exceptions_app.machine.debounce import Debouncer, SignalState
from exceptions_app.machine.samples import Sample, Transition
from exceptions_app.machine.sparkplug import Session
from exceptions_app.machine.topics import Paths

MOST_SIGNALS: Final = 200_000
Find = Callable[[str], list[Binding]]


@dataclass(frozen=True, slots=True)
class Told:
    """A transition with whose it is."""

    binding: Binding
    transition: Transition


@dataclass(slots=True)
class Node:
    """`paths` is where a JSON node's values lie, `states` the debouncers by binding key, `counters` what is worth
    showing. `mark` is how far a driver has read, stored with the states; `vouched`: the source is connected, so a value
    that does not change is no silence. `touched`: something was heard since the last store; `urgent`: something that
    must be stored before its message is confirmed.
    """

    key: str
    find: Find
    paths: list[Paths] = field(default_factory=list)
    session: Session | None = None
    states: dict[str, Debouncer] = field(default_factory=dict)
    bindings: dict[str, Binding] = field(default_factory=dict)
    restored: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    planned: frozenset[str] = frozenset()
    told: list[Told] = field(default_factory=list)
    heard_at: int = 0
    mark: dict[str, Any] = field(default_factory=dict)
    vouched: bool = False
    touched: bool = False
    force: bool = False
    birth_changed: bool = False
    known: dict[str, list[tuple[Binding, Debouncer]]] = field(default_factory=dict)

    def watch(self, signal: str) -> list[tuple[Binding, Debouncer]]:
        """The debouncers of a signal; empty for one nobody defined. Remembered, so asking costs a look-up."""
        found = self.known.get(signal)
        if found is None:
            if len(self.known) >= MOST_SIGNALS:
                return []
            found = [(binding, self._debouncer(binding)) for binding in self.find(signal)]
            self.known[signal] = found
        return found

    def feed(self, samples: Iterable[Sample]) -> int:
        """Take samples in; returns how many were judged."""
        judged = 0
        for sample in samples:
            for binding, debouncer in self.watch(sample.signal):
                judged += 1
                out = debouncer.feed(sample)
                if out:
                    self._tell(binding, out)
        return judged

    def tick(self, now: int, *, since: int = 0) -> None:
        """Let every signal's time pass; `since`: when listening began. A born node vouches for being there."""
        alive = self.vouched or (self.session is not None and self.session.online)
        for key, debouncer in self.states.items():
            out = debouncer.tick(now, since=since, alive=alive)
            if out:
                self._tell(self.bindings[key], out)

    def lose(self, device: str = "") -> None:
        """The node (or one device of it) is gone: its values are stale."""
        prefix = f"{device}/"
        for signal, pairs in self.known.items():
            if not device or signal.startswith(prefix):
                for binding, debouncer in pairs:
                    self._tell(binding, debouncer.lose())
        self.touched = True

    def plan(self, planned: frozenset[str], now: int) -> None:
        """Work units in a planned stop or changeover now; nothing opens on them."""
        if planned == self.planned:
            return
        self.planned = planned
        for key, debouncer in self.states.items():
            self._tell(self.bindings[key], debouncer.suppress(self.bindings[key].unit in planned, now))

    def rebind(self, find: Find) -> None:
        """The definitions changed: states of unchanged signals go on, rules are the new ones."""
        self.restored = self.restored | {key: one.state.as_json() for key, one in self.states.items()}
        signals = [signal for signal, pairs in self.known.items() if pairs]
        self.find, self.states, self.bindings, self.known = find, {}, {}, {}
        for signal in signals:
            self.watch(signal)
        self.force = True

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        if by:
            self.counters[name] = self.counters.get(name, 0) + by

    @property
    def urgent(self) -> bool:
        """Whether something happened that must be stored before its message is confirmed."""
        return (
            self.force
            or self.birth_changed
            or bool(self.told)
            or any(one.hot for one in self.states.values())
        )

    def snapshot(self) -> dict[str, Any]:
        """The states as plain data; from here on changes count anew."""
        for debouncer in self.states.values():
            debouncer.hot = False
        self.touched = self.force = False
        states = self.restored | {key: one.state.as_json() for key, one in self.states.items()}
        signals = [signal for signal, pairs in self.known.items() if pairs]
        return {"signals": signals, "states": states} | ({"mark": deepcopy(self.mark)} if self.mark else {})

    def restore(self, stored: dict[str, Any]) -> None:
        """Go on from a snapshot: every signal known then is watched again, so its delays go on without a sample."""
        self.restored, self.mark = dict(stored.get("states", {})), dict(stored.get("mark", {}))
        for signal in stored.get("signals", ()):
            self.watch(str(signal))

    def _debouncer(self, binding: Binding) -> Debouncer:
        found = self.states.get(binding.key)
        if found is None:
            stored = self.restored.pop(binding.key, None)
            found = Debouncer(binding.definition.rule, SignalState.from_json(stored) if stored else None)
            if binding.unit in self.planned and not found.state.suppressed:
                found.suppress(True, self.heard_at)
            self.states[binding.key], self.bindings[binding.key] = found, binding
        return found

    def _tell(self, binding: Binding, out: list[Transition]) -> None:
        self.told += [Told(binding, one) for one in out]


def finder(book: Book, node: str, *, sparkplug: bool) -> Find:
    """How a node of that kind finds the bindings of a signal."""
    if sparkplug:
        return lambda signal: book.on_metric(node, signal)
    by_signal: dict[str, list[Binding]] = {}
    for binding in book.on_topic(node):
        by_signal.setdefault(binding.definition.paths.signal, []).append(binding)
    return lambda signal: by_signal.get(signal, [])
