"""What the conformance suite needs to know of a connector: its bench. And the stage one case plays on.

A bench starts an ERP (a real one, a simulated one, folders with a small program behind them), builds the connector to
it, says what a good and a refused posting are, and looks into the ERP's own books to count what really stands there.
What a connector can't have is declared in `absent`, with the reason people read in the documentation.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from erp_sync.adapters import port
from execlayer.launcher.ports import free_port
from tests.fault_proxy import FaultProxy, Rule

Payload = dict[str, Any]
#: What a fault may do to a step of a posting; see `Bench.arm`.
FAULTS = ("before", "after", "half", "garbage", "502", "502 after", "503", "429", "redirect", "late", "slow")
SETTLED = ("confirmed", "rejected", "local")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_made = itertools.count(1)


@dataclass(frozen=True)
class Document:
    """One document of a key as the ERP's own books hold it; a field left None is not kept there."""

    number: str
    quantity: Decimal | None = None
    unit: str | None = None
    text: str | None = None
    day: date | None = None


class Bench:
    """One connector and its ERP. Override what the connector has; `None` and `absent` say what it has not."""

    name: ClassVar[str]
    #: case -> why this connector can't have it
    absent: ClassVar[Mapping[str, str]] = {}
    #: what must never be seen outside: passwords, tokens, keys
    secrets: ClassVar[tuple[str, ...]] = ()
    #: the kind whose document keeps the text of a posting; the main one unless said
    worded: ClassVar[str] = ""
    #: of the text of a posting so much is kept in the document
    text_length: ClassVar[int] = 200
    #: seconds the connector waits in the cases about late answers, and seconds the answer then takes
    patience: ClassVar[tuple[float, float]] = (0.7, 1.2)
    #: the entity the reading cases read, and a mapping kind with a code the ERP knows
    entity: ClassVar[str] = "items"
    known_code: ClassVar[tuple[str, str, str]] = ("", "", "")
    #: another host's address, where nobody must ever call
    elsewhere: str = ""
    #: address at which a listing is asked for, as bytes of the request
    reading: ClassVar[bytes] = b""

    def open(self) -> None:
        """Start the ERP. Called once for all cases."""

    def close(self) -> None:
        """Stop it."""

    def fresh(self) -> None:
        """Before each case: as new, where that is cheap."""

    @property
    def url(self) -> str:
        """The ERP's own address, in front of which the proxy stands; "" where there is none."""
        return ""

    def settings(self) -> dict[str, Any]:
        raise NotImplementedError

    def build(self, options: Mapping[str, Any]) -> port.ErpAdapter:
        """A connector with these settings over the usual ones."""
        return port.build(self.name, self.settings() | options)

    # What is posted

    def payload(self, kind: str) -> Payload | None:
        """A posting of a kind that the ERP takes at any time; None where it has no place for the kind."""
        raise NotImplementedError

    #: the kind most cases are played with
    main: ClassVar[str] = "movement.scrap"

    def refused(self) -> Payload:
        """A posting of the main kind that breaks a rule of the ERP."""
        raise NotImplementedError

    def fine(self) -> tuple[Payload, Decimal, str]:
        """A posting of the main kind whose quantity has decimals, the quantity and the unit as the ERP writes them."""
        raise NotImplementedError

    def unmapped(self) -> tuple[dict[str, Any], str, Payload]:
        """Settings, kind and payload of a posting with a code of ours that must be mapped and is not."""
        raise NotImplementedError

    def drift(self) -> tuple[str, Payload]:
        """A posting for which the ERP meanwhile says otherwise."""
        raise NotImplementedError

    def documents(self, command: port.PostingCommand) -> list[Document]:
        """All that stands under the command's key in the ERP's books."""
        raise NotImplementedError

    def earlier(self, kind: str) -> tuple[str, Payload] | None:
        """A posting that must stand before one of this kind makes sense."""
        return None

    def state(self, kind: str) -> Any:
        """What postings of a kind change, as it stands; None where that is not looked at."""
        raise NotImplementedError

    def awkward(self) -> list[tuple[str, Payload]]:
        """Postings whose reversal is easily made for a part only: other units, several places or lots."""
        return [(self.main, self.fine()[0])]

    def changing(self) -> tuple[str, Payload]:
        """A change with the old value named, that can be taken back."""
        raise NotImplementedError

    def move_on(self, command: port.PostingCommand) -> None:
        """Somebody changes in the ERP what the command changed, to a third value."""
        raise NotImplementedError

    def level(self) -> Decimal:
        """A figure in the ERP the main kind moves and its reversal moves back."""
        raise NotImplementedError

    # What happens around it

    def work(self) -> None:
        """Let the other side do what it does by itself (take files and answer them)."""

    def steps(self) -> tuple[bytes, ...]:
        """The changing requests of one posting of the main kind, in their order, as bytes found in them."""
        raise NotImplementedError

    def undoing(self) -> bytes:
        """The changing request of a reversal that takes the effect back."""
        return self.steps()[-1]

    def away(self) -> dict[str, Any]:
        """Settings that lead to an ERP that is not there."""
        return {"url": f"http://127.0.0.1:{free_port()}/"}

    def arm(self, proxy: FaultProxy | None, fault: str, step: bytes) -> Rule | AbstractContextManager[None]:
        """Make the next request holding `step` go wrong. By the proxy, unless a bench knows better."""
        assert proxy is not None
        match fault:
            case "before":
                return proxy.cut_request(step)
            case "after":
                return proxy.drop_reply(step)
            case "half":
                return proxy.half_reply(step)
            case "garbage":
                return proxy.answer(step, 200, b"<html><h1>Welcome to the lobby</h1>", acted=True)
            case "502":
                return proxy.answer(step, 502, b"<html>Bad Gateway</html>")
            case "502 after":
                return proxy.answer(step, 502, b"<html>Bad Gateway</html>", acted=True)
            case "503":
                return proxy.answer(step, 503, b"<html>Service Unavailable</html>")
            case "429":
                return proxy.answer(step, 429, b"{}", headers={"Retry-After": "1"})
            case "redirect":
                return proxy.answer(step, 307, headers={"Location": f"{self.elsewhere}/taken"})
            case "slow":
                return proxy.delay_reply(step, self.patience[1])
            case "late":
                return proxy.hold_request(step, self.patience[1])
        raise ValueError(fault)

    def lock(self) -> AbstractContextManager[None]:
        """Somebody else works on what `contended` needs."""
        raise NotImplementedError

    def contended(self) -> tuple[str, Payload | None]:
        """A posting that needs in its first step what `lock` holds; of the main kind unless said."""
        return self.main, None

    def expire(self, adapter: port.ErpAdapter) -> None:
        """The login ends on the ERP's side."""
        raise NotImplementedError

    def wrong_login(self) -> dict[str, Any]:
        """Settings with a login the ERP refuses."""
        return {"password": "not-the-password"}

    def cancel(self, command: port.PostingCommand) -> None:
        """Somebody cancels the posted document in the ERP."""
        raise NotImplementedError

    # Master data

    def touch(self) -> str:
        """Change one row of the entity in the ERP; its code."""
        raise NotImplementedError

    def delete(self) -> str:
        """Take one row of the entity away in the ERP; its code before."""
        raise NotImplementedError

    def paged(self) -> AbstractContextManager[object]:
        """While it lasts, the connector reads in the smallest pages it can be made to."""
        return nullcontext()

    def gone(self, external_id: str) -> AbstractContextManager[object]:
        """While it lasts, the row with this identity is taken away in the ERP."""
        raise NotImplementedError

    def rename(self) -> tuple[str, str]:
        """Give one row of the entity another code in the ERP; old and new."""
        raise NotImplementedError

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        """The changing requests among those seen: method, address, body, as a preview shows them."""
        raise NotImplementedError


@dataclass
class Stage:
    """One case's surroundings: the bench, a proxy before its ERP, connectors that are closed afterwards."""

    bench: Bench
    proxy: FaultProxy | None
    logged: Callable[[], str]
    elsewhere: socket.socket
    said: list[object] = field(default_factory=list)
    adapters: list[port.ErpAdapter] = field(default_factory=list)

    def adapter(self, **options: Any) -> port.ErpAdapter:
        """A connector that reaches the ERP through the proxy only."""
        through = {"url": self.proxy.url + _path(self.bench.settings()["url"])} if self.proxy else {}
        made = self.bench.build(through | options)
        self.adapters.append(made)
        return made

    def command(self, kind: str = "", payload: Payload | None = None, **changed: Any) -> port.PostingCommand:
        """A posting under a key of its own; of the main kind unless said."""
        kind = kind or self.bench.main
        if payload is None:
            payload = self.bench.payload(kind)
        assert payload is not None, f"{self.bench.name} has no posting of {kind}"
        now = datetime.now(UTC)
        return port.PostingCommand(
            kind, _key(), payload | changed, now, now.date(), text="EX-2026-004217"
        )  # fmt: skip

    def prepare(self, adapter: port.ErpAdapter, kind: str) -> None:
        """Post what must stand before a posting of this kind."""
        earlier = self.bench.earlier(kind)
        if earlier is not None:
            self.post(adapter, self.command(*earlier))

    def back(self, command: port.PostingCommand, number: str) -> port.PostingCommand:
        """The posting that takes another one back."""
        said = {
            "reverses": command.business_key, "reverses_kind": command.kind, "reverses_number": number,
            "reason_code": self.bench_reason(command), "original": command.payload,
            **{name: command.payload[name] for name in ("site", "work_order") if name in command.payload},
        }  # fmt: skip
        return replace(self.command(), kind="reversal", payload=said)

    def bench_reason(self, command: port.PostingCommand) -> str:
        return str(command.payload.get("reason_code") or "WRONG")

    def send(self, adapter: port.ErpAdapter, command: port.PostingCommand) -> port.Outcome:
        """One call of `send`, kept for the case about secrets."""
        outcome = adapter.send(command)
        self.said.append(outcome)
        return outcome

    def settle(self, adapter: port.ErpAdapter, command: port.PostingCommand) -> list[port.Outcome]:
        """What the outbox would do until it is settled, without its pauses: send, look, send again where due."""
        seen = [self.send(adapter, command)]
        for _ in range(8):
            last = seen[-1]
            if last.status in SETTLED:
                break
            if last.status == "retry":
                seen.append(self.send(adapter, command))
                continue
            self.bench.work()
            found = adapter.look_up(command)
            if found is None or found.raw.get("half_done"):
                seen.append(self.send(adapter, command))
            else:
                seen.append(found)
        self.said.extend(seen)
        return seen

    def post(self, adapter: port.ErpAdapter, command: port.PostingCommand) -> port.Outcome:
        """A posting that goes through; its confirmation."""
        last = self.settle(adapter, command)[-1]
        assert last.status == "confirmed", last
        return last

    def numbers(self, command: port.PostingCommand) -> list[str]:
        return [one.number for one in self.bench.documents(command)]

    @contextmanager
    def fault(self, kind: str, step: bytes) -> Iterator[Rule | None]:
        """While it lasts, the next request holding `step` goes wrong."""
        armed = self.bench.arm(self.proxy, kind, step)
        if isinstance(armed, Rule):
            yield armed
            return
        with armed:
            yield None


@contextmanager
def staged(bench: Bench, logged: Callable[[], str]) -> Iterator[Stage]:
    """A fresh stage on an open bench."""
    bench.fresh()
    proxy = FaultProxy(bench.url) if bench.url else None
    elsewhere = socket.create_server(("127.0.0.1", 0))
    elsewhere.setblocking(False)
    bench.elsewhere = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
    stage = Stage(bench, proxy, logged, elsewhere)
    try:
        yield stage
    finally:
        for adapter in stage.adapters:
            adapter.close()
        elsewhere.close()
        if proxy is not None:
            proxy.close()


def _key() -> str:
    """A business key nobody used before in this run: sixteen characters of A-Z and 2-7."""
    number, tail = next(_made), ""
    for _ in range(5):
        number, rest = divmod(number, 32)
        tail = ALPHABET[rest] + tail
    return f"CONFORMANCE{tail}"


def _path(url: str) -> str:
    """What follows the host in an address."""
    return "/" + url.split("://", 1)[1].partition("/")[2] if "/" in url.split("://", 1)[1] else ""
