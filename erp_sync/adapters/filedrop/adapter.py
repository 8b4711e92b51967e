"""The file drop as the outbox sees it: capabilities, hand-over, acknowledgements, reading back, what is kept.

Owns which kinds go through files (all that concern an ERP) and the choice of format. Must not know: the outbox's
tables, retry policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.filedrop import formats, pull, rules
from erp_sync.adapters.filedrop.exchange import Exchange

LACKING = {"customer_answer": "answers to customers go by mail or EDI, not through a file drop"}


class FileDropAdapter(rules.Rules):
    """One file a posting.

    `settings`: `out` and `in` (absolute paths), `pull` (folder of CSV files to read, may be left out), `format`
    (`csv` or `json`), `delimiter` (`,`; `tab`), `whole_stock` (a stock file names all there is), `quiet_seconds` (2),
    `most_bytes`, `keep_days` (90) and `keep_aside_days` (365) after which what was read or set aside is deleted; the
    rest as in `rules` and `codes`.
    """

    kind = "filedrop"
    #: A file is handed over in one local step, so nothing of a finished call lands later.
    settle_after = timedelta(seconds=5)

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings, LACKING)
        said = str(settings.get("delimiter") or ",")
        delimiter = "\t" if said == "tab" else said[:1]
        as_json = settings.get("format") == "json"
        write = formats.to_json if as_json else partial(formats.to_csv, delimiter=delimiter)
        read = partial(formats.read_acknowledgements, delimiter=delimiter)
        suffix = ".json" if as_json else ".csv"
        self._exchange = Exchange(settings, write, read, suffix=suffix, answers=(".csv", ".json"))
        self._pull = pull.Folder.of(settings, delimiter)

    def send(self, command: port.PostingCommand) -> port.Outcome:
        return self._no(command) or self._exchange.send(command, self._codes)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        return self._not_taken(command) or self._exchange.look_up(command)

    def preview(self, command: port.PostingCommand) -> tuple[port.Step, ...]:
        return self._exchange.preview(self._shown(command))

    def arrivals(self) -> set[str]:
        return self._exchange.inbox.sort()

    def set_aside(self) -> tuple[str, ...]:
        return tuple(self._exchange.inbox.aside())

    def prune(self) -> int:
        return self._exchange.inbox.prune()

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return pull.pages(self._pull, entity, watermark)

    def all_stock(self) -> Iterator[port.Record]:
        return pull.all_stock(self._pull)

    def ping(self) -> port.Health:
        return self._exchange.ping()

    def close(self) -> None:
        return None
