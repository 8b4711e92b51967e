"""Publishing: the draft becomes a numbered version nobody can change; an older one can be taken back.

What is in flight keeps the version it opened with; a new version routes only what opens later.
"""

import json
from pathlib import Path
from typing import Final

from django.db import transaction

from core import clock, keys
from core.errors import NotFound, TransitionRefused
from plant_app.models import User
from plant_app.services.catalogue import load_functions
from routing_app import checks, diff
from routing_app.models import Rule, RuleVersion
from routing_app.ruleset import RulesetSpec
from routing_app.selectors import draft_spec, latest_version, problems_of, spec_of
from routing_app.services.drafting import apply_ruleset
from routing_app.services.locking import lock_draft

DEFAULTS: Final = Path(__file__).resolve().parent.parent / "defaults" / "ruleset.json"


def _digest(spec: RulesetSpec) -> str:
    return keys.digest(json.dumps(spec.as_dict(), sort_keys=True, ensure_ascii=False))


@transaction.atomic
def publish(*, actor: User | None, note: str = "") -> RuleVersion:
    """Freeze the draft as the next version; from now on it routes everything that opens.

    TransitionRefused `routing.publish_refused` with the `problems` when a check fails, `routing.nothing_to_publish`
    when nothing differs from the published version. Takes the draft lock.
    """
    lock_draft()
    spec = draft_spec()
    problems = problems_of(spec)
    errors = [problem for problem in problems if problem.level == checks.ERROR]
    if errors:
        raise TransitionRefused(
            "routing.publish_refused",
            f"The draft can't be published: {errors[0].text}",
            "Mend what the checks name, then publish.",
            problems=[problem.as_dict() for problem in errors],
        )
    latest = latest_version()
    digest = _digest(spec)
    if latest is not None and latest.digest == digest:
        raise TransitionRefused(
            "routing.nothing_to_publish",
            f"The draft equals version {latest.number}; there is nothing to publish.",
        )
    return RuleVersion.objects.create(
        number=latest.number + 1 if latest else 1,
        published_at=clock.now(),
        published_by=actor,
        note=note,
        snapshot=spec.as_dict(),
        digest=digest,
        checks=[problem.as_dict() for problem in problems],
        changes=[change.as_dict() for change in diff.changes(spec_of(latest) if latest else None, spec)],
    )


@transaction.atomic
def roll_back(*, number: int, actor: User | None, note: str = "") -> RuleVersion:
    """Make the draft equal to an earlier version and publish that as a new one; unpublished edits are given up.

    NotFound `routing.version_missing`; else as `publish`. Takes the draft lock.
    """
    lock_draft()
    version = RuleVersion.objects.filter(number=number).first()
    if version is None:
        raise NotFound("routing.version_missing", f"There is no version {number}.")
    apply_ruleset(spec=spec_of(version), actor=actor, source=f"rolled back to version {number}")
    return publish(actor=actor, note=note or f"Back to version {number}")


def default_ruleset() -> RulesetSpec:
    """The rules, ladders and limits shipped with the product."""
    return RulesetSpec.from_dict(json.loads(DEFAULTS.read_text(encoding="utf-8")))


@transaction.atomic
def load_default_rules(*, actor: User | None = None) -> RuleVersion:
    """Make sure a version is published: the shipped rules where there are none, else the draft as it stands.

    Idempotent: where a version exists it is returned and nothing is touched. Takes the draft lock.
    """
    lock_draft()
    latest = latest_version()
    if latest is not None:
        return latest
    if not Rule.objects.exists():
        load_functions()
        apply_ruleset(spec=default_ruleset(), actor=actor, source="shipped rules")
    return publish(actor=actor, note="Shipped rules")
