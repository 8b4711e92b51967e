"""What can be wrong with routing, each under a code that never changes its meaning."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from core import clock
from core.doctor import Finding, Level, check
from routing_app import checks
from routing_app.models import Rule
from routing_app.selectors import (
    draft_changes,
    draft_spec,
    latest_version,
    roles_without_people,
    silent_ladders,
    spec_of,
    unpublished_since,
)

PATIENCE: Final = timedelta(days=7)


@check
def rules_published() -> Iterator[Finding]:
    """A version must be published, and the draft must hold its catch-all."""
    version = latest_version()
    if version is None:
        yield Finding(
            "XL-R001",
            Level.ERROR,
            "no routing rules are published",
            "Run `manage.py rules load`, or publish the draft in the admin.",
        )
        return
    if not Rule.objects.filter(is_catch_all=True, enabled=True).exists():
        yield Finding(
            "XL-R002",
            Level.ERROR,
            "the draft has no catch-all rule",
            "Roll back to the published version in the admin.",
        )
        return
    yield Finding("XL-R000", Level.OK, f"rules of version {version.number} route")


@check
def draft_not_forgotten() -> Iterator[Finding]:
    """Edits that were meant to route and do not."""
    since = unpublished_since()
    if since is None or clock.now() - since < PATIENCE:
        return
    count = len(draft_changes())
    yield Finding(
        "XL-R003",
        Level.WARNING,
        f"{count} rule change{'' if count == 1 else 's'} unpublished for {(clock.now() - since).days} days",
        "Publish the draft or roll back, in the admin under Rules.",
        count,
    )


@check
def rules_wake_somebody() -> Iterator[Finding]:
    """Ladders and rules of the published version whose roles nobody holds."""
    version = latest_version()
    if version is None:
        return
    spec = spec_of(version)
    for code in silent_ladders(spec):
        yield Finding(
            "XL-R004",
            Level.ERROR,
            f"ladder {code} wakes nobody: no person holds any of its duties",
            "Assign duties, or name other roles in the ladder.",
        )
    missing = roles_without_people(spec)
    if missing:
        names = ", ".join(role for role, _ in missing)
        yield Finding(
            "XL-R005",
            Level.WARNING,
            f"nobody holds {names}, which rules or ladders name",
            "Assign the duties, or name other roles.",
            len(missing),
        )


@check
def draft_is_sound() -> Iterator[Finding]:
    """Errors that would stop the next publication."""
    if latest_version() is None:
        return
    errors = [problem for problem in checks.check(draft_spec()) if problem.level == checks.ERROR]
    if errors:
        yield Finding(
            "XL-R006",
            Level.WARNING,
            f"the draft can't be published: {errors[0].text}",
            "Mend what the checks on the publish page name.",
            len(errors),
        )
