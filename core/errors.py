"""Errors a person or program can act on: a stable code, a sentence, and the cure.

Owns the exception classes services raise and their HTTP meaning. Knows nothing of Django or of any domain.
"""

from typing import Any


class DomainError(Exception):
    """A refusal with a stable dotted `code`, a `message` in plain words and a `hint` saying what to do.

    `status` is the HTTP status an API answers with; `extra` is rendered as further members of the problem
    document (RFC 9457 section 3.2) and must be JSON-serialisable.
    """

    default_status = 409

    def __init__(
        self, code: str, message: str, hint: str = "", *, status: int | None = None, **extra: Any
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.status = self.default_status if status is None else status
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class InvalidInput(DomainError):
    """What was sent can't be used; the sender can mend it."""

    default_status = 400


class NotAllowed(DomainError):
    """This person or token may not do this here."""

    default_status = 403


class NotFound(DomainError):
    """No such thing, or none this reader may see (the two look alike on purpose)."""

    default_status = 404


class TransitionRefused(DomainError):
    """The record is not in a state from which this move exists."""


class StaleVersion(DomainError):
    """Somebody changed the record since this reader saw it; `extra` says who and what."""


class TooMany(DomainError):
    """Over a rate limit; `extra['retry_after']` in seconds."""

    default_status = 429
