"""The in-process ledger connection: confirms every kind at once, with a number, and asks nobody.

Owns: the deterministic answer used for history filled in with a moved clock and for installations
without an ERP. Must not know: a network, the outbox, or real ERPs. Reconciliation leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from core import clock
from erp_sync.adapters import port
from erp_sync.canonical import KINDS


class LedgerAdapter:
    """Every command is confirmed at `clock.now()` under the number `<prefix><business key>`."""

    kind = "ledger"
    settle_after = timedelta(0)
    reconciles = False

    def __init__(self, *, prefix: str = "L-") -> None:
        self._prefix = prefix

    def capabilities(self) -> dict[str, port.Capability]:
        return {kind: port.Capability(True) for kind in KINDS}

    def capability(self, command: port.PostingCommand) -> port.Capability:
        return self.capabilities().get(command.kind, port.Capability(False, f"unknown kind {command.kind}"))

    def send(self, command: port.PostingCommand) -> port.Outcome:
        return port.Outcome(
            "confirmed",
            erp_number=f"{self._prefix}{command.business_key}",
            confirmed_at=clock.now(),
            raw={"ledger": True},
        )

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        return self.send(command)

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return iter(())

    def ping(self) -> port.Health:
        return port.Health(True, detail="in-process ledger")

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        return iter(())

    def close(self) -> None:
        return None


@port.register(
    "ledger",
    port.Profile(
        label="Ledger of this installation",
        proof="live",
        options=(port.Option("prefix", "Beginning of its numbers", default="L-"),),
    ),
)
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    return LedgerAdapter(prefix=str(settings.get("prefix", "L-")))
