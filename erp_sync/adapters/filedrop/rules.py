"""What every exchange connector (files, calls, B2MML) holds to before it says anything: kinds taken, payload, codes.

Owns the options they share and the sorting of a command into "not taken", "wrong" and "this is what is said". Must not
know: formats, folders, HTTP, the outbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.adapters.filedrop.codes import Codes
from erp_sync.errors import ErpRejected

STATISTICAL = port.Capability(False, "a statistical cost never leaves the product")
#: Settings of the connection form all of them have.
OPTIONS: tuple[port.Option, ...] = (
    port.Option(
        "must_map",
        "Kinds of code that must be mapped",
        help="Names parted by commas, as in: reason, location. A code of another kind goes as it is.",
    ),
    port.Option(
        "not_taken",
        "Kinds this ERP does not take",
        type="mapping",
        help="Kind of posting to the reason people read; such postings stay local.",
    ),
)
#: Error codes of theirs, for the error workbench.
CODES: Mapping[str, str] = {
    "erp.refused": "The ERP refused it. Read its reason, edit the posting and send it again, or settle it by hand.",
    "erp.payload": "A field is missing or wrong. Edit the posting and send it again.",
    "erp.mapping_missing": "A code of ours has no code of the ERP. Add the mapping at the connection; it then goes.",
}


class Rules:
    """Kinds, payloads and codes of one connection. `lacking`: kinds the connector has no way for, with the reason."""

    kind = ""
    reconciles = False

    def __init__(
        self,
        settings: Mapping[str, Any],
        lacking: Mapping[str, str],
        taken: Iterable[str] = tuple(canonical.KINDS),
    ) -> None:
        self._codes = Codes(settings)
        self._taken = tuple(taken)
        self._never = dict(lacking)
        refused = settings.get("not_taken")
        self._lacking = {**lacking, **(refused if isinstance(refused, dict) else {})}

    def capabilities(self) -> dict[str, port.Capability]:
        taken = {kind: port.Capability(True) for kind in self._taken}
        return taken | {kind: port.Capability(False, str(reason)) for kind, reason in self._lacking.items()}

    def capability(self, command: port.PostingCommand) -> port.Capability:
        if command.kind == "cost" and command.payload.get("basis") == "statistical":
            return STATISTICAL
        if command.kind == "reversal" and (why := self._never.get(str(command.payload.get("reverses_kind")))):
            return port.Capability(False, why)
        return self.capabilities().get(command.kind, port.Capability(False, f"unknown kind {command.kind}"))

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        """Nothing: what the other side keeps can't be asked for."""
        return iter(())

    def _no(self, command: port.PostingCommand) -> port.Outcome | None:
        """What needs no asking: a kind that is not taken, or a payload that breaks a hard rule."""
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        problems = [
            problem for problem in canonical.validate(command.kind, command.payload) if not problem.warn
        ]
        if problems:
            words = str(canonical.InvalidPayload(command.kind, problems))
            return port.Outcome("rejected", error_code="erp.payload", message=words)
        return None

    def _shown(self, command: port.PostingCommand) -> port.PostingCommand:
        """The command in the ERP's codes, to be shown. Raises ErpRejected for what would not be sent."""
        no = self._no(command)
        if no is not None:
            raise ErpRejected(no.error_code or "erp.not_offered", no.message)
        return self._codes.theirs(command)

    def _not_taken(self, command: port.PostingCommand) -> port.Outcome | None:
        able = self.capability(command)
        return None if able.supported else port.Outcome("local", message=able.reason)


def numeric(settings: Mapping[str, Any], name: str, default: float) -> float:
    """A number out of the options, which a form may leave empty or hold as text; the default for anything else."""
    value = settings.get(name)
    try:
        return default if value in (None, "") or isinstance(value, bool) else float(str(value))
    except ValueError:
        return default
