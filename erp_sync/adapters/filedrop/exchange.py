"""Sending through folders: what an out folder and an in folder together say of one posting.

Owns the reading of hand-overs and acknowledgements into outcomes, for every connector that speaks in files. Must not
know: what the files say (a writer and a reader are given), the outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.filedrop.box import OutBox
from erp_sync.adapters.filedrop.codes import Codes
from erp_sync.adapters.filedrop.inbox import InBox, Reader
from erp_sync.adapters.filedrop.rules import numeric
from erp_sync.errors import ErpRejected, ErpUnavailable

Writer = Callable[[port.PostingCommand, int], bytes]
MOST_BYTES = 5_000_000
KEEP_DAYS, KEEP_ASIDE_DAYS = 90.0, 365.0
#: Settings of the connection form that name and tend the folders.
OPTIONS: tuple[port.Option, ...] = (
    port.Option("out", "Folder for postings", help="An absolute path of a folder that is there."),
    port.Option("in", "Folder for acknowledgements", help="An absolute path of a folder that is there."),
    port.Option("pull", "Folder for master data", help="An absolute path; left empty, nothing is read."),
    port.Option(
        "quiet_seconds", "Quiet time", "number", 2, help="Seconds a file was left alone before it is read."
    ),
    port.Option(
        "most_bytes",
        "Largest acknowledgement",
        "number",
        MOST_BYTES,
        help="In bytes; a larger one is set aside.",
    ),
    port.Option("keep_days", "Keep what was read", "number", 90, help="Days; then it is deleted."),
    port.Option(
        "keep_aside_days", "Keep what was set aside", "number", 365, help="Days; then it is deleted."
    ),
)
#: Error codes of theirs, for the error workbench.
CODES: Mapping[str, str] = {
    "filedrop.waiting": "The file was handed over; nothing to do until the ERP acknowledges it.",
    "filedrop.unreadable.waiting": "An answer came that can't be used. Mend the file in .aside and put it into in.",
    "filedrop.half_done": "The file is prepared and goes with the next try; nothing to do.",
    "filedrop.not_configured": "The connection names no folder. Give absolute paths as out and in.",
    "filedrop.folder": "A folder is not there or can't be read. Mount the share again, or give the right.",
    "filedrop.write": "A file could not be written. Look for a full disk or a missing right.",
    "filedrop.foreign_file": "A file of this name lies in out and is not ours. Take it away, then send again.",
}


class Exchange:
    """The two folders of a connection.

    `settings`: `out` and `in` name them; `quiet_seconds` (2) a file must have been left alone before it is read;
    `most_bytes` (5,000,000) an acknowledgement file may have.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        write: Writer,
        read: Reader,
        *,
        suffix: str,
        answers: tuple[str, ...],
    ) -> None:
        self._named = {name: str(settings.get(name) or "") for name in ("out", "in")}
        self._write = write
        self.outbox = OutBox(Path(self._named["out"]), suffix)
        self.inbox = InBox(
            Path(self._named["in"]),
            read,
            self.outbox.last_turn,
            answers,
            quiet_seconds=numeric(settings, "quiet_seconds", 2),
            most_bytes=int(numeric(settings, "most_bytes", MOST_BYTES)),
            keep_days=numeric(settings, "keep_days", KEEP_DAYS),
            keep_aside_days=numeric(settings, "keep_aside_days", KEEP_ASIDE_DAYS),
        )

    def send(self, command: port.PostingCommand, codes: Codes) -> port.Outcome:
        """Hand the posting's file over unless it was; then wait. A refused one goes again under its next try."""
        try:
            self._must_be_named()
            self.inbox.sort()
            turn = self.inbox.turn(command.business_key)
            answer = self.inbox.answer(command.business_key, turn)
            if answer is not None:
                return answered(answer)
            content = self._write(codes.theirs(command), turn)
            handed = self.outbox.hand_over(command.business_key, turn, content)
        except ErpRejected as error:
            return port.Outcome("rejected", error_code=error.code, message=error.message)
        except ErpUnavailable as error:
            status: port.OutcomeStatus = "unknown" if error.sent else "retry"
            return port.Outcome(status, error_code=error.code, message=error.message)
        return self._waiting(command.business_key, handed.name, lying=handed.lying)

    def preview(self, said: port.PostingCommand) -> tuple[port.Step, ...]:
        """The file of a command that is already in the ERP's codes, as its first try. Looks at no folder."""
        name = self.outbox.name(said.business_key, 1)
        note = "Acknowledged by a file in the in folder. After a refusal it goes again as the next try."
        content = self._write(said, 1).decode()
        return (port.Step("FILE", str(self.outbox.folder / name), content, note),)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        """As the port says; waiting for an acknowledgement is `unknown` and not half done: only a look helps."""
        self._must_be_named()
        self.inbox.sort()
        key = command.business_key
        turn = self.inbox.turn(key)
        answer = self.inbox.answer(key, turn)
        if answer is not None:
            return answered(answer)
        state = self.outbox.state(key, turn)
        if state.done:
            return self._waiting(key, state.name, lying=state.lying)
        if state.begun:
            return port.Outcome(
                "unknown",
                error_code="filedrop.half_done",
                message=f"{state.name} is prepared and not yet handed over",
                raw={"half_done": True, "file": state.name},
            )
        refused = self.inbox.answer(key, turn - 1) if turn > 1 else None
        return answered(refused) if refused is not None else None

    def ping(self) -> port.Health:
        """Whether both folders are there and may be written to, and how much lies aside."""
        try:
            self._must_be_named()
            for folder in (self.outbox.folder, self.inbox.folder):
                probe = folder / ".probe"
                probe.write_bytes(b"")
                probe.unlink(missing_ok=True)
            aside = self.inbox.aside()
        except OSError as error:
            return port.Health(False, detail=f"{error.strerror or error} ({error.filename})")
        except (ErpUnavailable, ErpRejected) as error:
            return port.Health(False, detail=error.message)
        words = f"; {len(aside)} answers lie aside, the first: {aside[0]}" if aside else ""
        return port.Health(True, detail=f"{self.outbox.folder} and {self.inbox.folder}{words}")

    def _waiting(self, key: str, name: str, *, lying: bool) -> port.Outcome:
        aside = self.inbox.aside(key)
        if aside:
            return port.Outcome(
                "unknown", error_code="filedrop.unreadable.waiting",
                message=f"An answer came and could not be used: {aside[-1]}", raw={"file": name, "aside": aside},
            )  # fmt: skip
        where = "still lies in the out folder" if lying else "was taken"
        return port.Outcome(
            "unknown", error_code="filedrop.waiting",
            message=f"{name} {where}; its acknowledgement has not come", raw={"file": name, "taken": not lying},
        )  # fmt: skip

    def _must_be_named(self) -> None:
        missing = [name for name, folder in self._named.items() if not Path(folder).is_absolute()]
        if missing:
            words = f"The connection's options name no folder (an absolute path) as {' and '.join(missing)}"
            raise ErpUnavailable(words, code="filedrop.not_configured", sent=False)
        if not self.inbox.folder.is_dir():
            raise ErpUnavailable(
                f"There is no folder {self.inbox.folder}", code="filedrop.folder", sent=False
            )


def answered(said: port.Acknowledgement) -> port.Outcome:
    """An acknowledgement as the outcome it means; try and time tell it from the same said of an earlier try."""
    raw = {"acknowledged": True, "try": said.turn, "said_at": said.at.isoformat() if said.at else ""}
    if said.status == "confirmed":
        return port.Outcome(
            "confirmed",
            erp_number=said.erp_number,
            confirmed_at=said.at,
            raw=raw,
        )
    return port.Outcome(
        "rejected",
        erp_number=said.erp_number,
        error_code=said.error_code or "erp.refused",
        message=said.message or "The ERP refused it and said no reason.",
        raw=raw,
    )
