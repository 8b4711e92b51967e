"""Errors a connector raises inside itself or out of a read.

Owns: the answers that are not data. Must not know: Django, postings, retry policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ErpUnavailable(Exception):
    """The ERP could not be asked or its answer did not arrive.

    `sent` is False only where the request certainly never reached the ERP (connection refused,
    name not found, login refused): then nothing can have happened there. `retry_after` are the seconds it asks for.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "erp.unavailable",
        sent: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.sent = sent
        self.retry_after = retry_after

    @property
    def raw(self) -> dict[str, Any]:
        """What an outcome made of it carries along."""
        return {} if self.retry_after is None else {"retry_after": self.retry_after}


class ErpRejected(Exception):
    """The ERP, or the connector before asking it, gave a definite business no."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def raw(self) -> dict[str, Any]:
        """What an outcome made of it carries along."""
        return {}


@dataclass(frozen=True, slots=True)
class Difference:
    """One value the ERP has otherwise than the posting expects. `field` is stable, the values are for people."""

    field: str
    ours: str
    theirs: str


class Drifted(ErpRejected):
    """The ERP has moved on since it was decided: a person is asked, with both values.

    A posting whose payload has `seen[field]` equal to the ERP's value says that somebody has looked at just that and
    wants it all the same; a connector then does not stop for it again.
    """

    def __init__(self, message: str, *differences: Difference) -> None:
        super().__init__("erp.drifted", message)
        self.differences = differences

    @property
    def raw(self) -> dict[str, Any]:
        """The differences as the outbox keeps them on the attempt."""
        return {
            "drift": [
                {"field": one.field, "ours": one.ours, "theirs": one.theirs} for one in self.differences
            ]
        }
