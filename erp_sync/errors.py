"""Errors a connector raises inside itself or out of a read.

Owns: the two answers that are not data. Must not know: Django, postings, retry policy.
"""

from __future__ import annotations


class ErpUnavailable(Exception):
    """The ERP could not be asked or its answer did not arrive.

    `sent` is False only where the request certainly never reached the ERP (connection refused,
    name not found, login refused): then nothing can have happened there.
    """

    def __init__(self, message: str, *, code: str = "erp.unavailable", sent: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.sent = sent


class ErpRejected(Exception):
    """The ERP, or the connector before asking it, gave a definite business no."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
