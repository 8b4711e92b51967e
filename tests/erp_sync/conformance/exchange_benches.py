"""Benches of the exchange connectors: the signed webhook, the file drop, B2MML by folder and by HTTP."""

from __future__ import annotations

import errno
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

from erp_sync.adapters import port
from erp_sync.adapters.filedrop import disk
from tests.erp_sync.conformance import house
from tests.erp_sync.conformance.bench import Bench, Document, Payload
from tests.fault_proxy import FaultProxy, Rule

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
ITEM: Payload = {"site": "RHF", "item": "FG-100", "quantity": "3", "uom": "pcs"}
#: What an ERP that can only be told, and never asked, can take of each kind.
GOOD: dict[str, Payload] = {
    "confirmation": {"work_order": "WO-1", "operation": "10", "yield_qty": "9", "machine_minutes": "30"},
    "movement.issue": ITEM | {"work_order": "WO-1"},
    "movement.receipt": ITEM | {"purchase_order": "PO-1", "po_line": "10"},
    "movement.scrap": ITEM | {"reason_code": "BROKEN"},
    "movement.block": ITEM | {"from_location": "A-01"},
    "movement.unblock": ITEM | {"to_location": "A-01"},
    "movement.return": ITEM | {"work_order": "WO-1", "to": "stock"},
    "movement.transfer": ITEM | {"from_location": "A-01", "to_location": "B-02"},
    "quality_event": {"action": "open", "quantity": "3", "item": "FG-100", "defect_code": "CRACK"},
    "inspection_result": {
        "characteristic": "DIA", "verdict": "accepted", "item": "FG-100", "value": "25.01", "uom": "mm",
    },
    "maintenance_notification": {"action": "open", "work_unit": "MILL-1"},
    "cost": {"amount": "10.50", "currency": "EUR", "cost_class": "scrap", "basis": "real"},
    "change.date": {"target": "po_line", "number": "PO-1", "line": "10", "which": "promised", "new": "2035-01-02"},
    "change.quantity": {"target": "work_order", "number": "WO-1", "old": "10", "new": "12"},
    "change.cancel": {"target": "so_line", "number": "SO-1", "line": "10", "scope": "line"},
    "operation.move": {"work_order": "WO-1", "operation": "10", "from_unit": "MILL-1", "to_unit": "MILL-2"},
}  # fmt: skip
NOT_ASKED = "its state can't be asked for; it refuses by its own rules when it is told"
NO_SESSION = "each message proves itself; there is no session that could end"
NO_READS = "a webhook brings no master data; it comes by files or another connection"
NO_LISTING = "what the other side keeps can't be listed"
NO_CODES = "there is nobody to ask whether a code is known"
ONE_CALL = "a posting is one call; nothing is begun and left"
NO_ANSWERS = "a folder gives no answers of its own; acknowledgements come as files, whenever they come"
READS = (
    "pull_from_start", "pull_from_watermark", "pull_resumed", "pull_deletion", "pull_rename", "pull_broken_page",
    "pull_while_deleted",
)  # fmt: skip
LISTED = ("identities_complete", "identities_broken", "identities_while_deleted")


class _Told(Bench):
    """An ERP that is told and not asked: the books of a small house ERP."""

    known: ClassVar[frozenset[str]] = frozenset(GOOD)

    def fresh(self) -> None:
        self.books.__init__()  # type: ignore[misc]

    def open(self) -> None:
        self.books = house.Books()

    def payload(self, kind: str) -> Payload | None:
        return GOOD[kind] if kind in self.known else None

    def refused(self) -> Payload:
        return GOOD[self.main] | {"item": house.CLOSED}

    def fine(self) -> tuple[Payload, Decimal, str]:
        return GOOD[self.main] | {"quantity": "1.125", "uom": "kg"}, Decimal("1.125"), "kg"

    def unmapped(self) -> tuple[dict[str, Any], str, Payload]:
        return {"must_map": "reason"}, "movement.scrap", GOOD["movement.scrap"]

    def documents(self, command: port.PostingCommand) -> list[Document]:
        return list(self.books.documents.get(command.business_key, ()))

    def state(self, kind: str) -> Any:
        return self.books.standing()

    def level(self) -> Decimal:
        return self.books.level


class _Called(_Told):
    """Behind HTTP."""

    secrets = (SECRET, SECRET.removeprefix("whsec_"))
    path: ClassVar[str] = ""

    def open(self) -> None:
        super().open()
        self._stack = ExitStack()
        self._url = self._stack.enter_context(house.serving(self.books, SECRET))

    def close(self) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        return self._url

    def settings(self) -> dict[str, Any]:
        return {"url": f"{self._url}{self.path}", "password": SECRET, "read_timeout": 30}

    def wrong_login(self) -> dict[str, Any]:
        return {"password": OTHER}

    def steps(self) -> tuple[bytes, ...]:
        return (b"POST " + self.path.encode(),)

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.books.locked = True
        yield
        self.books.locked = False


class Webhook(_Called):
    name = "webhook"
    path = "/postings"
    absent = {
        "expired_login": NO_SESSION,
        "drifted": NOT_ASKED,
        "reversal_drift_accepted": NOT_ASKED,
        "look_up_half_done": ONE_CALL,
        "listed_for_reconciliation": NO_LISTING,
        "check_code": NO_CODES,
        **dict.fromkeys((*READS, *LISTED), NO_READS),
    }

    def build(self, options: Mapping[str, Any]) -> port.ErpAdapter:
        url = str(options.get("url") or self.settings()["url"])
        base = url.removesuffix("/").removesuffix("/postings")
        return super().build({"status_url": f"{base}/postings/{{key}}", **options})

    def cancel(self, command: port.PostingCommand) -> None:
        self.books.cancelled.add(command.business_key)

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        return [
            ("POST", "/postings", json.loads(one.partition(b"\r\n\r\n")[2]))
            for one in requests
            if one.startswith(b"POST")
        ]


NO_QUESTION = (
    "the schema has no message that asks after another; an unclear one is said again under its BODID"
)


class B2mmlHttp(_Called):
    name = "b2mml"
    path = "/b2mml"
    known = frozenset(GOOD) - {"cost"}
    reading = b"GetMaterialDefinition"
    known_code = ("item", "FG-100", "FG-100")
    absent = {
        "expired_login": NO_SESSION,
        "drifted": NOT_ASKED,
        "reversal_drift_accepted": NOT_ASKED,
        "look_up_absent": NO_QUESTION,
        "look_up_half_done": ONE_CALL,
        "look_up_confirmed": NO_QUESTION,
        "look_up_cancelled": NO_QUESTION,
        "look_up_away": NO_QUESTION,
        "pull_rename": "the schema knows a definition by its ID alone; another ID is another row",
        "listed_for_reconciliation": NO_LISTING,
    }

    def state(self, kind: str) -> Any:
        # A change is taken back by the opposite change, which stands beside it.
        return None if kind.startswith(("change.", "operation.")) else super().state(kind)

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"idempotent": True, "asks": True}

    @contextmanager
    def gone(self, external_id: str) -> Iterator[None]:
        del self.books.items[external_id]
        yield

    def touch(self) -> str:
        self.books.items["RM-1"] = "Casting, new"
        return "RM-1"

    def delete(self) -> str:
        del self.books.items["RM-2"]
        return "RM-2"

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        return [("POST", self.path, None) for one in requests if one.startswith(b"POST")]


class _Folder(_Told):
    """Behind folders, with a clerk that takes the files."""

    secrets = ("nothing-secret-lies-in-a-folder",)
    suffix: ClassVar[str] = ""
    absent = {
        "bad_gateway_before_effect": NO_ANSWERS,
        "bad_gateway_after_effect": NO_ANSWERS,
        "service_unavailable": NO_ANSWERS,
        "rate_limited": NO_ANSWERS,
        "redirect_refused": "a folder leads to no other host",
        "slow_answer": NO_ANSWERS,
        "late_effect": NO_ANSWERS,
        "locked": "the other side answers when it can; nothing waits for a lock",
        "drifted": NOT_ASKED,
        "reversal_drift_accepted": NOT_ASKED,
        "expired_login": "a folder has no login",
        "wrong_login": "a folder has no login",
        "look_up_cancelled": "an acknowledgement is said once; nobody tells of a later cancellation",
        "listed_for_reconciliation": NO_LISTING,
        "ping_clock": "a folder has no clock",
        "check_code": NO_CODES,
        **dict.fromkeys(LISTED, "files bring what changed; nobody tells what is still there"),
    }

    def open(self) -> None:
        super().open()
        self._kept = tempfile.TemporaryDirectory()

    def close(self) -> None:
        self._kept.cleanup()

    def fresh(self) -> None:
        super().fresh()
        self.home = Path(tempfile.mkdtemp(dir=self._kept.name))
        for name in ("out", "in", "pull"):
            (self.home / name).mkdir()
        self.clerk = house.Clerk(self.books, self.home / "out", self.home / "in")
        self.files = 0
        self.lay(self.first())

    def settings(self) -> dict[str, Any]:
        return {name: str(self.home / name) for name in ("out", "in", "pull")} | {"quiet_seconds": 0}

    def work(self) -> None:
        self.clerk.work()

    def away(self) -> dict[str, Any]:
        return {"out": "/nowhere/out", "in": "/nowhere/in"}

    def wrong_login(self) -> dict[str, Any]:
        return {"password": "no-login-here"}

    def steps(self) -> tuple[bytes, ...]:
        return (b"mark", b"show")

    def arm(self, proxy: FaultProxy | None, fault: str, step: bytes) -> Rule | AbstractContextManager[None]:
        if step == b"read":
            return self._broken()
        if fault in ("half", "garbage"):
            return self._spoiled(fault)
        return _failing(step.decode(), after=fault == "after")

    @contextmanager
    def _spoiled(self, how: str) -> Iterator[None]:
        self.clerk.spoil = how
        yield

    @contextmanager
    def _broken(self) -> Iterator[None]:
        """A file somebody mends after it could not be read."""
        path = self.lay(self.broken())
        yield
        path.write_bytes(self.first())

    reading = b"read"

    def first(self) -> bytes:
        raise NotImplementedError

    def broken(self) -> bytes:
        raise NotImplementedError

    def lay(self, content: bytes) -> Path:
        """One more file of items."""
        self.files += 1
        path = self.home / "pull" / f"items-{self.files:03}{self.suffix}"
        path.write_bytes(content)
        return path

    @contextmanager
    def gone(self, external_id: str) -> Iterator[None]:
        self.delete()
        yield

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        # The clerk has taken the file; its name is known, its content was booked.
        (key,) = self.books.documents
        return [("FILE", str(self.home / "out" / f"{key}{self.suffix}"), None)]


class FileDrop(_Folder):
    name = "filedrop"
    suffix = ".csv"

    def first(self) -> bytes:
        return b"code,external_id,name\nFG-100,1,Flange\nRM-1,2,Casting\nRM-2,3,Seal\n"

    def broken(self) -> bytes:
        return b'code,external_id,name\nFG-100,1,"Fla'

    def touch(self) -> str:
        self.lay(b"code,external_id,name\nRM-1,2,Casting new\n")
        return "RM-1"

    def delete(self) -> str:
        self.lay(b"code,external_id,deleted\nRM-2,3,yes\n")
        return "RM-2"

    def rename(self) -> tuple[str, str]:
        self.lay(b"code,external_id,name\nRM-2B,3,Seal\n")
        return "RM-2", "RM-2B"


class B2mmlFolder(_Folder):
    name = "b2mml"
    suffix = ".xml"
    known = frozenset(GOOD) - {"cost"}
    absent = {
        **_Folder.absent,
        "pull_rename": "the schema knows a definition by its ID alone; another ID is another row",
    }

    def state(self, kind: str) -> Any:
        # A change is taken back by the opposite change, which stands beside it.
        return None if kind.startswith(("change.", "operation.")) else super().state(kind)

    def first(self) -> bytes:
        return house.show_items(house.Books())

    def broken(self) -> bytes:
        return self.first()[:300]

    def touch(self) -> str:
        self.lay(house.show_items(house.Books(items={"RM-1": "Casting, new"})))
        return "RM-1"

    def delete(self) -> str:
        shown = house.show_items(house.Books(items={"RM-2": "Seal"})).decode()
        action = '<ActionExpression actionCode="Delete">.</ActionExpression>'
        sync = f"<Sync><ActionCriteria>{action}</ActionCriteria></Sync>"
        synced = shown.replace("<Show/>", sync).replace("ShowMaterial", "SyncMaterial")
        self.lay(synced.encode())
        return "RM-2"


@contextmanager
def _failing(step: str, *, after: bool) -> Iterator[None]:
    """The disk fails once: at the mark of a hand-over or at showing the file, before it is done or after."""
    write, rename, left = disk.write_whole, Path.rename, [1]

    def trouble() -> OSError:
        left.clear()
        return OSError(errno.EIO, "Input/output error")

    def writing(target: Path, content: bytes) -> None:
        if step != "mark" or not left or not target.name.endswith(".begun"):
            write(target, content)
            return
        if after:
            write(target, content)
        raise trouble()

    def renaming(self: Path, target: Path) -> Path:
        if (
            step != "show"
            or not left
            or self.parent.name != ".handed-over"
            or Path(target).parent.name != "out"
        ):
            return rename(self, target)
        if after:
            rename(self, target)
        raise trouble()

    with mock.patch.object(disk, "write_whole", writing), mock.patch.object(Path, "rename", renaming):
        yield
    assert not left, f"nothing failed at {step}"
