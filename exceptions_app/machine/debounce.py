"""From samples to stops: one deterministic state machine per signal, with all its memory in one plain state.

quality -> deadband -> on-delay -> open (backdated to the first sample) -> off-delay -> cleared -> within the reopen
window the same episode again. Many openings in a short time shelve the signal; a silent one says so. Time comes only
from the samples and from `tick(now)`, so a replay gives the same transitions. The delays, the deadband and re-alarming
are those of OPC UA Part 9 alarms and ISA-18.2 practice, in our own form.
"""

from dataclasses import asdict, dataclass, field, fields
from heapq import heappop, heappush
from typing import Any, Final, Literal

from exceptions_app.machine.conditions import Condition
from exceptions_app.machine.samples import Change, Sample, Transition, Value

Phase = Literal["clear", "pending", "open", "clearing"]
#: Samples held back for ordering; beyond it the oldest is taken at once.
MOST_HELD: Final = 256
#: A source whose last time stamp lies this far (ms) in our future had a wrong clock.
FUTURE: Final = 1000


@dataclass(frozen=True, slots=True)
class Rule:
    """How one signal is judged; all times in milliseconds. Zero switches `silence`, `chatter_count` or a delay off.

    `reorder`: how long a sample waits for an earlier one that comes later.
    """

    condition: Condition
    on_delay: int = 10_000
    off_delay: int = 10_000
    reopen: int = 120_000
    silence: int = 0
    chatter_count: int = 5
    chatter_window: int = 600_000
    shelve: int = 3_600_000
    reorder: int = 250


@dataclass(slots=True)
class SignalState:
    """Everything a signal remembers. Times in ms by the source's clock, except `received` (ours).

    `since` is the first sample of what is pending or open, `turned` the first good one while clearing, `first` the
    opening's identity, `lag` how far the source's stamps lie behind our clock. `muted`: this opening was not told.
    """

    phase: Phase = "clear"
    inside: bool = False
    value: Value = None
    at: int = 0
    received: int = 0
    lag: int = 0
    since: int = 0
    turned: int = 0
    first: int = 0
    closed: int = 0
    occurrences: int = 0
    openings: list[int] = field(default_factory=list)
    shelved_until: int = 0
    muted: bool = False
    silent: bool = False
    bad: bool = False
    suppressed: bool = False
    newest: int = 0
    count: int = 0
    late: int = 0
    held: list[tuple[int, int, Value, bool]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain data for storage."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "SignalState":
        """The state as stored; what an older or newer version wrote besides is left out."""
        known = {one.name: stored[one.name] for one in fields(cls) if one.name in stored}
        state = cls(**known)
        state.held = [(int(at), int(n), value, bool(good)) for at, n, value, good in state.held]
        state.openings = [int(at) for at in state.openings]
        return state


class Debouncer:
    """One signal's rule and state. `hot` is set when something changed that must be stored before the sample is
    confirmed; a steady value never sets it.
    """

    __slots__ = ("_out", "hot", "rule", "state")

    def __init__(self, rule: Rule, state: SignalState | None = None) -> None:
        self.rule = rule
        self.state = state or SignalState()
        self.hot = False
        self._out: list[Transition] = []

    # --- in ----------------------------------------------------------------------------------------------
    def feed(self, sample: Sample) -> list[Transition]:
        """Take one sample in. Late ones (older than what was already applied) are counted and change nothing."""
        state, rule = self.state, self.rule
        if state.silent:
            state.silent, self.hot = False, True
            self._say(Change.DATA_BACK, first=state.received, at=sample.at)
        newly = sample.received >= state.received  # else it is judged a second time
        if newly:
            state.received = sample.received
        value = rule.condition.read(sample.value)
        good = sample.good and value is not None
        at = sample.at
        if at <= state.at and not (at == state.at and (value != state.value or good == state.bad)):
            if newly and state.at > sample.received + FUTURE and at <= sample.received + FUTURE:
                self._rebase(at, sample.received)
            else:
                state.late += at < state.at
                return self._given()
        if at > state.newest:
            state.newest, state.lag = at, sample.received - at
        if not self.hot:
            steady = state.phase in ("clear", "open") and good and not state.bad
            self.hot = not steady or rule.condition.holds(value, state.inside) != state.inside
        if not rule.reorder:
            self._apply(at, value, good)
            return self._given()
        state.count += 1
        heappush(state.held, (at, state.count, value, good))
        self._release(state.newest - rule.reorder)
        while len(state.held) > MOST_HELD:
            self._apply_next()
        return self._given()

    def tick(self, now: int, *, since: int = 0, alive: bool = False) -> list[Transition]:
        """Let time pass until `now` (our clock, ms): delays end, held samples are taken, silence is noticed.

        Not to be called while nothing can be heard: a delay must not end by not listening. `since`: when listening
        began, before which silence was ours. `alive`: the source vouches for being there while nothing changes.
        """
        state, rule = self.state, self.rule
        if not state.received:
            return self._given()
        if alive and not state.bad:
            state.received = max(state.received, now)
        if rule.silence and not state.silent and now - max(state.received, since) > rule.silence:
            self._silence(now)
        horizon = now - state.lag - rule.reorder
        self._release(horizon)
        self._advance(horizon)
        return self._given()

    @property
    def busy(self) -> bool:
        """Whether a tick could change anything besides silence."""
        state = self.state
        return bool(state.held or state.shelved_until) or state.phase in ("pending", "clearing")

    def lose(self) -> list[Transition]:
        """Its source says it is gone: values are stale from here, nothing is opened or cleared by that."""
        state = self.state
        if state.held:  # what waits in order did arrive before that
            self._release(state.newest)
            self._advance(state.newest)
        if not state.bad:
            self._doubt()
            state.bad, self.hot = True, True
        return self._given()

    def suppress(self, suppressed: bool, now: int) -> list[Transition]:
        """A planned stop or changeover begins or ends. Meanwhile nothing opens; what is open may still clear."""
        state = self.state
        if state.suppressed == suppressed:
            return []
        state.suppressed, self.hot = suppressed, True
        if suppressed and state.phase == "pending":
            state.phase = "clear"
        elif not suppressed and state.inside and not state.bad and state.phase == "clear":
            state.phase, state.since = "pending", max(state.at, now - state.lag)
        return self._given()

    def shelve(self, until: int) -> None:
        """Shelve by hand until that moment (ms); 0 takes it off the shelf at the next tick."""
        self.state.shelved_until, self.hot = max(until, 1), True

    # --- order -------------------------------------------------------------------------------------------
    def _release(self, horizon: int) -> None:
        held = self.state.held
        while held and held[0][0] <= horizon:
            self._apply_next()

    def _apply_next(self) -> None:
        at, _, value, good = heappop(self.state.held)
        self._apply(at, value, good)

    def _rebase(self, at: int, received: int) -> None:
        """The source's clock was ahead and has been put right: what is remembered moves with it."""
        state = self.state
        shift = state.lag - (received - at)
        for name in ("since", "turned", "closed", "shelved_until"):
            if getattr(state, name):
                setattr(state, name, getattr(state, name) + shift)
        state.openings = [moment + shift for moment in state.openings]
        state.held, state.newest, state.at, self.hot = [], 0, min(at - 1, state.at + shift), True

    # --- the machine -------------------------------------------------------------------------------------
    def _apply(self, at: int, value: Value, good: bool) -> None:
        state = self.state
        self._advance(at)
        state.at = max(at, state.at)
        if not good:
            if not state.bad:
                self._doubt()
                state.bad, self.hot = True, True
            return
        if state.bad:
            state.bad, self.hot = False, True
        inside = self.rule.condition.holds(value, state.inside)
        if inside != state.inside:
            self.hot = True
        state.value, state.inside = value, inside
        if inside:
            if state.phase == "clear" and not state.suppressed:
                state.phase, state.since = "pending", at
            elif state.phase == "clearing":
                state.phase = "open"
        elif state.phase == "pending":
            state.phase = "clear"
        elif state.phase == "open":
            state.phase, state.turned = "clearing", at
        self._advance(at)

    def _doubt(self) -> None:
        """What was not confirmed yet cannot be any more; what is open stays open."""
        state = self.state
        if state.phase == "pending":
            state.phase = "clear"
        elif state.phase == "clearing":
            state.phase = "open"

    def _silence(self, now: int) -> None:
        state = self.state
        # What waits in order is taken first: it did arrive.
        self._release(state.newest)
        self._advance(state.newest)
        self._doubt()
        state.silent = state.bad = self.hot = True
        self._say(Change.NO_DATA, first=state.received, at=state.received, confirmed=now)

    def _advance(self, to: int) -> None:
        """Fire the delays that end until `to`, in their order."""
        state, rule = self.state, self.rule
        if state.shelved_until and state.shelved_until <= to:
            self._settle(state.shelved_until)
            self._unshelve()
        self._settle(to)
        if state.shelved_until and state.shelved_until <= to:
            self._unshelve()
        if state.openings and state.openings[0] < to - 2 * rule.chatter_window:
            del state.openings[0]

    def _settle(self, to: int) -> None:
        state, rule = self.state, self.rule
        if state.phase == "pending" and state.since + rule.on_delay <= to:
            self._open(state.since + rule.on_delay)
        elif state.phase == "clearing" and state.turned + rule.off_delay <= to:
            state.phase, state.closed, self.hot = "clear", state.turned, True
            if not state.muted:
                confirmed = state.turned + rule.off_delay
                self._say(Change.CLEARED, first=state.first, at=state.turned, confirmed=confirmed)
            state.muted = False

    def _open(self, confirmed: int) -> None:
        state, rule = self.state, self.rule
        state.phase, self.hot = "open", True
        back = bool(state.closed) and state.since - state.closed <= rule.reopen and state.occurrences > 0
        state.occurrences = state.occurrences + 1 if back else 1
        state.first = state.since
        state.openings.append(state.since)
        state.openings = [moment for moment in state.openings if moment > state.since - rule.chatter_window]
        if state.shelved_until:
            state.muted = True
        elif rule.chatter_count and len(state.openings) >= rule.chatter_count:
            state.muted, state.shelved_until = True, confirmed + rule.shelve
            self._say(
                Change.SHELVED, first=state.since, at=state.since, confirmed=confirmed,
                until=state.shelved_until + min(0, state.lag),
            )  # fmt: skip
        else:
            state.muted = False
            self._say(
                Change.REOPENED if back else Change.OPENED,
                first=state.since,
                at=state.since,
                confirmed=confirmed,
            )

    def _unshelve(self) -> None:
        """The shelf's time is over; what stands open now is told after all."""
        state = self.state
        ended, state.shelved_until, self.hot = state.shelved_until, 0, True
        state.openings = []
        self._say(Change.UNSHELVED, first=ended, at=ended)
        if state.phase in ("open", "clearing") and state.muted:
            state.muted = False
            self._say(Change.OPENED, first=state.first, at=state.first, confirmed=ended)

    # --- out ---------------------------------------------------------------------------------------------
    def _say(self, change: Change, *, first: int, at: int, confirmed: int = 0, until: int = 0) -> None:
        state = self.state
        ahead = min(0, state.lag)  # a clock ahead of ours is put right; a late message is no wrong clock
        self._out.append(
            Transition(
                change=change, first=first, occurred=at + (0 if change is Change.NO_DATA else ahead),
                confirmed=confirmed or at, value=state.value, occurrences=state.occurrences, until=until,
            )
        )  # fmt: skip

    def _given(self) -> list[Transition]:
        if not self._out:
            return self._out
        out, self._out = self._out, []
        return out
