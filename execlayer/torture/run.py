"""One torture from beginning to count: bring up, queue, break, wait until all has settled, audit.

Why the count can be trusted. A request may take effect after its sender has given up: the proxy holds one back for at
most `PATIENCE + LATE[1]` seconds, and then the ERP works on it. `SETTLE`, after which "not found" proves that nothing
happened, counts from the moment the sender gave up, and is several times that lateness and a slow answer of the ERP
together. The proxy measures it: where a write ended later still, `late_beyond_settling` says by how much, and a
document that is there twice is then the fault of so short a settling time, not of the outbox. A killed sender is given
up on when its lease ends, which a living one renews. The ERP is asked on a line of its own, when no sender runs and
nothing is under way any more; on the way only for what a reversal is about to take every trace of.
"""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from django.db.models import Count

from erp_sync import lifecycle
from erp_sync.adapters.tryton.client import Access, Client
from erp_sync.models import Posting
from erp_sync.torture import faults, load
from erp_sync.torture.audit import Report, audit
from erp_sync.torture.evidence import stands
from erp_sync.torture.feed import Feed, Posted, set_up
from erp_sync.torture.plant import BORE_CONTROL, plant
from erp_sync.torture.proxy import Proxy
from execlayer.launcher.supervisor import PartFailed
from execlayer.torture.processes import ERP_DATABASE, ERP_LOGIN, Rig
from plant_app.models import Site, User

#: Seconds: a sender's read time-out, what unclear postings settle after, a sender's lease.
PATIENCE, SETTLE, LEASE = 6.0, 12.0, 12
SAY_EVERY = 5.0
#: Without one more settled posting for this long (seconds) the run is given up: longer than any pause of the outbox.
STALLED = 420.0
#: The same where a posting waits for a person: what waits behind it never goes.
STALLED_REFUSED = 150.0
SETTLED = {status.value for status in lifecycle.SETTLED}
REFUSED = lifecycle.Status.REJECTED.value
#: Held for a person, not because the ERP is silent.
HELD_FOR_GOOD = "held for good"


@dataclass(slots=True)
class Progress:
    """What is known of the outbox; `None` in `by_status` while our own database is away."""

    by_status: Counter[str] | None = None
    settled: int = 0
    moved_at: float = 0.0
    told_at: float = 0.0


class Torture:
    """`count` is the result; every exception on the way is the caller's, who must call `stop`."""

    def __init__(self, home: Path, *, postings: int, seed: int) -> None:
        self.drafts = load.draw(seed, postings)
        self.plan = faults.draw(seed, postings)
        self.posted = Posted()
        self.rig = Rig(home)
        self.proxy = Proxy(self.rig.erp_port, self.plan, PATIENCE)
        self._home = home
        self._seed = seed
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._loader: threading.Thread | None = None
        self._load_failed: Exception | None = None
        self._seen = Progress()

    def count(self) -> dict[str, Any]:
        """Run it. Raises Stopped, PartFailed, ServerFailed, and what the audit's client raises."""
        plant_file = self._home / "plant.json"
        plant_file.write_text(json.dumps(plant()))
        self._say(f"{len(self.drafts)} postings, seed {self._seed}, in {self._home}")
        self.rig.bring_up(plant_file)
        self._say("databases, broker and ERP are up")
        client = self._client()
        client.create("quality.control", BORE_CONTROL)
        client.close()
        self.proxy.start()
        site, planner = set_up(
            url=f"http://127.0.0.1:{self.proxy.port}", database=ERP_DATABASE, username=ERP_LOGIN,
            password_source=f"file:{self.rig.erp_password_file}",
            options={"connect_timeout": 2, "read_timeout": PATIENCE, "settle_seconds": SETTLE},
        )  # fmt: skip
        began = time.monotonic()
        self._loader = threading.Thread(target=self._load, args=(site, planner), name="load", daemon=True)
        self._loader.start()
        self._drain()
        seconds = time.monotonic() - began
        self._end_load()
        self.rig.stop_senders()
        self.plan.stop()
        self.proxy.wait_idle()
        return self._result(self._audit(), seconds)

    def stop(self) -> None:
        """End everything that runs, wherever it stands."""
        self._ended.set()
        self.proxy.stop()
        self.rig.stop()
        self._end_load()

    def _load(self, site: Site, planner: User) -> None:
        client = self._client()
        try:
            Feed(
                self.drafts, site, planner, self.posted,
                witness=lambda draft: stands(client, draft), stop=self._ended.is_set,
            ).run()  # fmt: skip
        except Exception as error:  # outer edge of the thread: handed to the main thread, which ends the run
            self._load_failed = error
            raise
        finally:
            client.close()

    def _end_load(self) -> None:
        """Nothing more is queued, whatever was still to come."""
        self._ended.set()
        if self._loader is not None:
            self._loader.join(10)

    def _client(self) -> Client:
        """A line to the ERP of our own, past all faults."""
        words = self.rig.erp_password_file.read_text()
        return Client(Access(f"http://127.0.0.1:{self.rig.erp_port}", ERP_DATABASE, ERP_LOGIN, words))

    def _drain(self) -> None:
        self._seen.moved_at = time.monotonic()
        while not self._over():
            self.rig.look()
            if self._load_failed is not None:
                raise PartFailed(f"a posting could not be queued: {self._load_failed}") from self._load_failed
            if self.plan.kills and self.rig.up(self.plan.kills[0].kind):
                kill = self.plan.next_kill(self.proxy.requests)
                if kill is not None:
                    self.rig.kill(kill)
                    self.plan.happened[f"killed_{kill.kind}"] += 1
                    self._say(f"killed {kill.kind} after {self.proxy.requests} requests")
            time.sleep(0.05)

    def _over(self) -> bool:
        """Whether nothing more will settle: all has, or only a person could help what is left, or nothing moves."""
        now = time.monotonic()
        seen = self._seen
        if now - seen.told_at < 1:
            return False
        # Asked before the count, which the load may still add to.
        loading = self._loader is not None and self._loader.is_alive()
        seen.told_at, seen.by_status = now, self._by_status()
        if seen.by_status is None:
            return False
        settled = sum(seen.by_status[status] for status in SETTLED)
        if settled != seen.settled:
            seen.settled, seen.moved_at = settled, now
        if int(now - self._began) % int(SAY_EVERY) == 0:
            self._tell()
        if not loading and settled == seen.by_status.total():
            return True
        refused = seen.by_status[REFUSED] + seen.by_status[HELD_FOR_GOOD]
        return now - seen.moved_at > (STALLED_REFUSED if refused else STALLED)

    @staticmethod
    def _by_status() -> Counter[str] | None:
        try:
            rows = Posting.objects.order_by().values_list("status", "held_reason").annotate(Count("pk"))
            found = Counter[str]()
            for status, reason, count in rows:
                silent = status != lifecycle.Status.HELD or reason == lifecycle.HeldReason.CIRCUIT_OPEN
                found[status if silent else HELD_FOR_GOOD] += count
            return found
        except (OperationalError, InterfaceError):
            connection.close()
            return None

    def _audit(self) -> Report:
        client = self._client()
        try:
            return audit(client, self.drafts, self.posted)
        finally:
            client.close()

    def _result(self, report: Report, seconds: float) -> dict[str, Any]:
        by_status = self._seen.by_status or Counter()
        happened = {kind: self.plan.happened[kind] for kind in faults.LINE}
        happened |= {f"killed_{kind}": self.plan.happened[f"killed_{kind}"] for kind in faults.KILLS}
        # Those that never came to be queued, too; one too many does not hide one that is missing.
        unsettled = max(len(self.drafts), by_status.total()) - sum(by_status[status] for status in SETTLED)
        return {
            "postings": len(self.drafts),
            "documents": report.documents,
            "missing": report.missing,
            "doubled": report.doubled,
            "out_of_order": report.out_of_order,
            "faults": happened,
            "unexpected": report.unexpected,
            "quantities_off": report.quantities_off,
            "refused": by_status[REFUSED] + by_status[HELD_FOR_GOOD],
            "unsettled": unsettled,
            "reversals": sum(draft.kind == load.REVERSAL for draft in self.drafts),
            "asked_twice": sum(len(draft.asked) > 1 for draft in self.drafts),
            "orders": len({draft.chain for draft in self.drafts if draft.chain}),
            "requests": self.proxy.requests,
            "longest_answer": round(self.proxy.longest, 1),
            "late_beyond_settling": round(max(0.0, self.proxy.latest - SETTLE), 1),
            "seed": self._seed,
            "seconds": round(seconds, 1),
            "details": report.details,
            "passed": report.clean and not unsettled,
        }

    def _tell(self) -> None:
        seen = self._seen.by_status or Counter()
        states = ", ".join(f"{count} {status}" for status, count in sorted(seen.items()))
        broke = sum(self.plan.happened.values())
        self._say(f"{states}; {self.proxy.requests} requests, {broke} faults")

    def _say(self, words: str) -> None:
        self.rig.console.say(f"{time.monotonic() - self._began:6.1f} s  {words}")
