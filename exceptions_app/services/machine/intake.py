"""The nodes one worker holds for one source: what every protocol's driver talks to.

A driver calls `hear` (its own reading of a message happens inside a callback), `pulse` about ten times a second, and
confirms to its broker what `pulse` says is safe. Everything that touches the database is a plain function the driver
runs on its database thread; memory is only touched on the driver's own. Knows no protocol.

Messages of nodes somebody else holds are kept for a few lease times: when that worker dies, its nodes come here with
the state it last stored, and what it had heard since is judged again. Judging twice is harmless, because samples are
ordered by their source's time and a transition's id is made of it.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from exceptions_app.machine.book import Binding, Book
from exceptions_app.machine.nodes import Find, Node, finder
from exceptions_app.machine.samples import Sample
from exceptions_app.machine.sparkplug import Session
from exceptions_app.models import Source
from exceptions_app.services.machine import leases
from exceptions_app.services.machine.definitions import book_of
from exceptions_app.services.machine.store import Batch, Fault, NodeWrite

#: Raw bytes kept of a message that could not be read.
MOST_RAW = 4000
MOST_KEPT_BYTES = 32_000_000
_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things happen, in seconds. `steady`: how long a value that changes nothing may stay unstored."""

    lease: float = 10.0
    beat: float = 2.0
    book: float = 5.0
    steady: float = 10.0


@dataclass(slots=True)
class _Kept:
    """A message of a node this worker does not hold."""

    received: int
    key: str
    message: Any
    size: int


@dataclass(slots=True)
class Upkeep:
    """What the database said while leases and book were looked after."""

    book: Book | None = None
    claimed: list[leases.Held] = field(default_factory=list)
    held: frozenset[tuple[int, int]] | None = None
    share: int = 0


class Intake:
    """One worker's nodes of one source. `judge(node, message, received)` is the driver's reading of one message."""

    def __init__(
        self, *, source: Source, owner: str, slot: int, sparkplug: bool, pace: Pace,
        judge: Callable[[Node, Any, int], None],
    ) -> None:  # fmt: skip
        self.source, self.owner, self.slot = source, owner, slot
        self.sparkplug, self.pace, self.judge = sparkplug, pace, judge
        self.book: Book | None = None
        self.nodes: dict[str, Node] = {}
        self.held: dict[str, tuple[int, int]] = {}
        self.values = self.transitions = self.messages = 0
        self.renamed: set[str] = set()  # nodes whose definitions changed: their values are wanted anew
        self._new: set[str] = set()
        self._listed: set[str] = set()
        self._unwatched: set[str] = set()
        self._kept: deque[_Kept] = deque()
        self._kept_bytes = 0
        self._faults: dict[str, list[Fault]] = {}
        self._fault_hour: dict[str, int] = {}
        self._fault_words: dict[str, str] = {}
        self._stored_at: dict[str, int] = {}
        self._beat_at = self._book_at = 0

    # --- in ----------------------------------------------------------------------------------------------
    def hear(self, key: str, message: Any, size: int, received: int) -> None:
        """One message of the node `key`: judged when it is held here, else kept in case it soon is."""
        self.messages += 1
        node = self.nodes.get(key)
        if node is not None:
            self.judge(node, message, received)
            return
        if key in self._unwatched:
            return
        if self.book is not None and not self.book.watches(key, sparkplug=self.sparkplug):
            if len(self._unwatched) < 100_000:
                self._unwatched.add(key)
            return
        if key not in self._listed:
            self._new.add(key)
        self._kept.append(_Kept(received, key, message, size))
        self._kept_bytes += size
        while self._kept and self._kept_bytes > MOST_KEPT_BYTES:
            self._kept_bytes -= self._kept.popleft().size

    def expect(self, keys: Iterable[str]) -> None:
        """Nodes the definitions name: they are taken without having been heard of."""
        self._new.update(key for key in keys if key not in self.nodes and key not in self._listed)

    def offer(self, node: Node, samples: Iterable[Sample], values: int, received: int) -> None:
        """Give a held node's samples to its signals; `values` is how many the message held in all."""
        node.feed(samples)
        node.heard_at, node.touched = received, True
        self.values += values

    def fault(self, node: Node, *, why: str, topic: str, raw: bytes, received: int) -> None:
        """A message of a node that could not be read: counted, shown, and kept as a triage item once an hour."""
        node.count("unreadable")
        node.heard_at, node.touched = received, True
        self._fault_words[node.key] = why
        if self._fault_hour.get(node.key) != received // _HOUR:
            self._fault_hour[node.key] = received // _HOUR
            words = raw[:MOST_RAW].decode("utf-8", "backslashreplace")
            self._faults.setdefault(node.key, []).append(Fault(why, topic, words, received))

    def resume(self) -> None:
        """The connection is new: what was not confirmed comes again, so a repeated sequence number is no gap."""
        for node in self.nodes.values():
            if node.session is not None:
                node.session.resumed = True

    # --- time --------------------------------------------------------------------------------------------
    def tick(self, now: int, *, since: int) -> None:
        """Let every held signal's time pass until `now` (ms); not while nothing can be heard. `since`: when hearing
        began, so that nobody is called silent for our being away.
        """
        for node in self.nodes.values():
            node.tick(now, since=since)

    def collect(self, now: int, *, everything: bool = False) -> Batch | None:
        """What must be stored now: nodes with news, and those whose steady values have waited long enough."""
        steady = self.pace.steady * 1000
        writes = []
        for key, node in self.nodes.items():
            due = node.touched and now - self._stored_at.get(key, 0) >= steady
            if everything or due or node.urgent or key in self._faults or key in self._fault_words:
                writes.append(self._write(key, node, now))
        return Batch(self.source, self.owner, writes) if writes else None

    def settled(self, batch: Batch, lost: frozenset[int] | None) -> None:
        """The batch was written, except the nodes `lost` to another worker; None: nothing was, it is tried again."""
        for one in batch.nodes:
            node = self.nodes.get(one.key)
            if node is None:
                continue
            if lost is None:
                node.told[:0] = one.told
                node.force = True
                node.birth_changed = node.birth_changed or one.birth is not None
                if one.faults:
                    self._faults.setdefault(one.key, [])[:0] = one.faults
            elif one.pk in lost:
                self._drop(one.key)
            else:
                self.transitions += len(one.told)

    # --- leases and book ---------------------------------------------------------------------------------
    def upkeep_due(self, now: int) -> bool:
        """Whether leases, book or a node never seen want the database."""
        return bool(self._new) or now - self._beat_at >= self.pace.beat * 1000

    @property
    def undecided(self) -> bool:
        """Whether a message waits for its node to be taken; it must not be confirmed yet."""
        return bool(self._new)

    def upkeep_failed(self) -> None:
        """The database did not answer: the same is asked again."""
        self._new, self._listed = self._new | self._listed, set()
        self._beat_at = self._book_at = 0

    def upkeep(self, now: int, *, fault: str = "", topics: int = 0) -> Callable[[], Upkeep]:
        """The look after leases and book as a function for the database thread; its answer goes to `kept_up`."""
        beat = now - self._beat_at >= self.pace.beat * 1000
        book = self.book is None or now - self._book_at >= self.pace.book * 1000
        if beat:
            self._beat_at = now
        if book:
            self._book_at = now
        new, mine = frozenset(self._new), len(self.nodes)
        known = self.book
        self._new, self._listed = set(), self._listed | new
        detail = {
            "nodes": mine, "values": self.values, "messages": self.messages, "transitions": self.transitions,
            "source": self.source.code, "fault": fault, "topics": topics,
        }  # fmt: skip
        lease = self.pace.lease

        def ask() -> Upkeep:
            done = Upkeep()
            current = known
            if book:
                done.book = current = book_of(self.source)
            if beat:
                done.held = leases.renew_nodes(source=self.source, owner=self.owner, lease_seconds=lease)
            workers = leases.beat_worker(
                source=self.source,
                slot=self.slot,
                lease_seconds=max(lease, self.pace.beat * 3),
                detail=detail,
            )
            keys = [
                key for key in new if current is not None and current.watches(key, sparkplug=self.sparkplug)
            ]
            leases.add_nodes(source=self.source, keys=keys)
            done.share = leases.share(source=self.source, workers=workers)
            done.claimed = leases.claim_nodes(
                source=self.source,
                owner=self.owner,
                slot=self.slot,
                limit=done.share - mine,
                lease_seconds=lease,
            )
            return done

        return ask

    def kept_up(self, done: Upkeep, now: int) -> list[str]:
        """Take in what the database said; returns the nodes to give back once they are stored."""
        if done.held is not None:
            for key, pair in list(self.held.items()):
                if pair not in done.held:
                    self._drop(key)
        if done.book is not None:
            self._rebook(done.book, now)
        for held in done.claimed:
            self._take(held, now)
        self._forget_old(now)
        surplus = len(self.nodes) - done.share
        return list(self.nodes)[-surplus:] if surplus > 0 and done.share > 0 else []

    def give_back(self, keys: Iterable[str]) -> list[int]:
        """Let go of stored nodes; returns their rows, to be released."""
        rows = [self.held[key][0] for key in keys if key in self.held]
        for key in list(keys):
            self._drop(key)
        return rows

    def _take(self, held: leases.Held, now: int) -> None:
        book = self.book or Book()
        node = Node(held.key, self._finder(held.key, book), heard_at=now)
        if self.sparkplug:
            node.session = Session.from_json(
                held.key, held.birth, seq=held.seq, bd_seq=held.bd_seq, online=held.online
            )
        self._paths(node, book)
        node.counters = {str(name): int(count) for name, count in held.counters.items()}
        node.planned = book.planned
        node.restore(held.state)
        for binding_key, one in node.states.items():
            one.suppress(node.bindings[binding_key].unit in book.planned, now)
        self.nodes[held.key], self.held[held.key] = node, (held.pk, held.epoch)
        self._stored_at[held.key] = now
        mine = [kept for kept in self._kept if kept.key == held.key]
        for kept in mine:
            self.judge(node, kept.message, kept.received)
        if mine:
            self._kept = deque(kept for kept in self._kept if kept.key != held.key)
            self._kept_bytes = sum(kept.size for kept in self._kept)

    def _paths(self, node: Node, book: Book) -> None:
        if not self.sparkplug:
            node.paths = list(dict.fromkeys(one.definition.paths for one in book.on_topic(node.key)))
            self._strangers(node.key, book.strangers(node.key.split("/")))

    def _finder(self, key: str, book: Book) -> Find:
        """The node's finder; a signal that is nobody's because its unit is unknown is said, once per signal."""
        find = finder(book, key, sparkplug=self.sparkplug)

        def look(signal: str) -> list[Binding]:
            found = find(signal)
            if not found and self.sparkplug:
                device, _, metric = signal.partition("/")
                levels = [*key.split("/"), *([device] if device else [])]
                self._strangers(key, book.strangers(levels, metric))
            return found

        return look

    def _strangers(self, key: str, codes: list[str]) -> None:
        if codes:
            self._fault_words[key] = f"{', '.join(codes)}: no work unit of this site has the code"

    def _rebook(self, book: Book, now: int) -> None:
        before, self.book = self.book, book
        if before is None or (before.definitions, before.units) != (book.definitions, book.units):
            self._unwatched.clear()
            for key, node in self.nodes.items():
                node.rebind(self._finder(key, book))
                self._paths(node, book)
                self.renamed.add(key)
        for node in self.nodes.values():
            node.plan(book.planned, now)

    def _forget_old(self, now: int) -> None:
        oldest = now - int(self.pace.lease * 3000)
        while self._kept and self._kept[0].received < oldest:
            self._kept_bytes -= self._kept.popleft().size

    def _drop(self, key: str) -> None:
        for known in (self.nodes, self.held, self._faults, self._stored_at):
            known.pop(key, None)

    def _write(self, key: str, node: Node, now: int) -> NodeWrite:
        pk, epoch = self.held[key]
        session, told = node.session, node.told
        birth = session.birth_json() if session is not None and node.birth_changed else None
        node.told, node.birth_changed = [], False
        self._stored_at[key] = now
        return NodeWrite(
            pk=pk, key=key, epoch=epoch, state=node.snapshot(), counters=dict(node.counters), heard_at=node.heard_at,
            online=session.online if session is not None else True, seq=session.seq if session is not None else -1,
            bd_seq=session.bd_seq if session is not None else -1, birth=birth, told=told,
            faults=self._faults.pop(key, []), fault=self._fault_words.pop(key, ""),
        )  # fmt: skip
