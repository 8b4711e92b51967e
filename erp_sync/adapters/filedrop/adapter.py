"""The file drop as the outbox sees it: capabilities, hand-over, acknowledgements, reading back.

Owns which kinds go through files (all that concern an ERP) and the choice of format. Must not know: the outbox's
tables, retry policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.adapters.filedrop import formats, pull
from erp_sync.adapters.filedrop.exchange import Exchange

LACKING = {"customer_answer": "answers to customers go by mail or EDI, not through a file drop"}
UNREAD = port.Capability(False, "a statistical cost never leaves the product")


class FileDropAdapter:
    """One file a posting.

    `settings`: `out` and `in` (absolute paths), `pull` (folder of CSV files to read, may be left out), `format`
    (`csv` or `json`), `delimiter` (`,`), `quiet_seconds` (2), `most_bytes`, `not_taken` (kinds this ERP does not take,
    each with the reason).
    """

    kind = "filedrop"
    reconciles = False
    #: A file is handed over in one local step, so nothing of a finished call lands later.
    settle_after = timedelta(seconds=5)

    def __init__(self, settings: Mapping[str, Any]) -> None:
        delimiter = str(settings.get("delimiter") or ",")[:1]
        as_json = settings.get("format") == "json"
        write = formats.to_json if as_json else partial(formats.to_csv, delimiter=delimiter)
        read = partial(formats.read_acknowledgements, delimiter=delimiter)
        suffix = ".json" if as_json else ".csv"
        self._exchange = Exchange(settings, write, read, suffix=suffix, answers=(".csv", ".json"))
        self._pull = pull.Folder.of(settings, delimiter)
        refused = settings.get("not_taken")
        self._lacking = LACKING | (refused if isinstance(refused, dict) else {})

    def capabilities(self) -> dict[str, port.Capability]:
        taken = {kind: port.Capability(True) for kind in canonical.KINDS}
        return taken | {kind: port.Capability(False, str(reason)) for kind, reason in self._lacking.items()}

    def capability(self, command: port.PostingCommand) -> port.Capability:
        if command.kind == "cost" and command.payload.get("basis") == "statistical":
            return UNREAD
        return self.capabilities().get(command.kind, port.Capability(False, f"unknown kind {command.kind}"))

    def send(self, command: port.PostingCommand) -> port.Outcome:
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        problems = [
            problem for problem in canonical.validate(command.kind, command.payload) if not problem.warn
        ]
        if problems:
            words = str(canonical.InvalidPayload(command.kind, problems))
            return port.Outcome("rejected", error_code="erp.payload", message=words)
        return self._exchange.send(command)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        return self._exchange.look_up(command)

    def arrivals(self) -> set[str]:
        return self._exchange.inbox.sort()

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return pull.pages(self._pull, entity, watermark)

    def ping(self) -> port.Health:
        return self._exchange.ping()

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        return iter(())

    def close(self) -> None:
        return None
