"""The story of an exception, and who is shown that it changed.

Owns the one way to append an event and the groups a change is hinted to. Knows nothing of what happened.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from core import clock
from core.hints import hint
from exceptions_app.models import ExceptionEvent, ExceptionRecord, Signal
from plant_app.models import User

LONGEST = 300


def event(
    *,
    exception: ExceptionRecord,
    kind: str,
    actor: User | None = None,
    actor_text: str = "",
    via: str = "",
    text: str = "",
    data: dict[str, Any] | None = None,
    signal: Signal | None = None,
    at: datetime | None = None,
) -> ExceptionEvent:
    """An unsaved line of the story, for callers that write several at once."""
    return ExceptionEvent(
        exception=exception,
        kind=kind,
        actor=actor,
        actor_text=actor_text[:80],
        via=via[:20],
        text=text[:LONGEST],
        data=data or {},
        signal=signal,
        at=at or clock.now(),
    )


def record_event(
    *,
    exception: ExceptionRecord,
    kind: str,
    actor: User | None = None,
    actor_text: str = "",
    via: str = "",
    text: str = "",
    data: dict[str, Any] | None = None,
    signal: Signal | None = None,
    at: datetime | None = None,
) -> ExceptionEvent:
    """Append one line to the story. The caller holds the exception's lock and is inside its transaction.

    `actor_text` names who did it where that is no login ("rule 12", "ERP"); `data` must be JSON-serialisable. Hints
    nobody: the verb that did it does, once, when it is done.
    """
    line = event(
        exception=exception, kind=kind, actor=actor, actor_text=actor_text, via=via, text=text, data=data,
        signal=signal, at=at,
    )  # fmt: skip
    line.save()
    return line


def groups_of(exception: ExceptionRecord) -> list[str]:
    """Socket groups that show this exception: its site, its page, its area, its owner."""
    groups = [f"site.{exception.site_id}", f"exception.{exception.pk}"]
    if exception.area_id:
        groups.append(f"area.{exception.area_id}")
    if exception.owner_id:
        groups.append(f"user.{exception.owner_id}")
    return groups


def announce(exception: ExceptionRecord, *, kind: str, people: Iterable[int | None] = ()) -> None:
    """After commit, hint everybody who shows this exception; `people` are further users' ids (those just told)."""
    told = {user for user in people if user is not None and user != exception.owner_id}
    groups = [*groups_of(exception), *(f"user.{user}" for user in sorted(told))]
    hint(*groups, kind="exception", change=str(kind), ref=exception.ref, id=exception.pk)
