"""Publishing: the draft becomes a numbered version nobody can change; an older one can be taken back.

What is in flight keeps the version it opened with; a new version routes only what opens later.
"""

import json
from pathlib import Path
from typing import Final

from django.db import transaction

from core import clock
from core.errors import NotFound, StaleVersion, TransitionRefused
from plant_app.models import User
from plant_app.services.catalogue import load_functions
from routing_app import checks, diff
from routing_app.models import ApprovalStatus, Rule, RuleApproval, RuleVersion
from routing_app.ruleset import RulesetSpec
from routing_app.selectors import (
    draft_spec,
    last_edits,
    latest_version,
    problems_of,
    second_person_wanted,
    spec_digest,
    spec_of,
)
from routing_app.services.drafting import apply_ruleset
from routing_app.services.locking import lock_draft

DEFAULTS: Final = Path(__file__).resolve().parent.parent / "defaults" / "ruleset.json"


@transaction.atomic
def publish(*, actor: User | None, note: str = "") -> RuleVersion:
    """Freeze the draft as the next version; from now on it routes everything that opens.

    TransitionRefused `routing.approval_needed` where a site wants a second person, else as `freeze`. Takes the draft
    lock.
    """
    lock_draft()
    if second_person_wanted():
        raise TransitionRefused(
            "routing.approval_needed",
            "A second person must approve the draft before it is published.",
            "Ask for approval on the publish page in the admin.",
        )
    return freeze(actor=actor, note=note)


def freeze(
    *, actor: User | None, note: str = "", approval: RuleApproval | None = None, restores: int | None = None
) -> RuleVersion:
    """Freeze the draft whoever allowed it; for the verbs of this package, which hold the draft lock.

    `approval` must be about the draft as it is read here. TransitionRefused `routing.publish_refused` with the
    `problems` when a check fails, `routing.nothing_to_publish` when nothing differs from the published version;
    StaleVersion `routing.draft_moved` when the approval is about another draft.
    """
    spec = draft_spec()
    digest = spec_digest(spec)
    if approval is not None and approval.digest != digest:
        raise StaleVersion(
            "routing.draft_moved",
            "The draft was changed after approval was asked for.",
            "Whoever changed it asks again.",
        )
    problems = refuse_unpublishable(spec)
    latest = latest_version()
    RuleApproval.objects.filter(status=ApprovalStatus.WAITING).update(
        status=ApprovalStatus.WITHDRAWN, decided_at=clock.now()
    )  # what is published otherwise leaves nothing to approve
    return RuleVersion.objects.create(
        number=latest.number + 1 if latest else 1,
        published_at=clock.now(),
        published_by=actor,
        note=note,
        approved_by=approval.decided_by if approval else None,
        approved_at=approval.decided_at if approval else None,
        restores=restores,
        edits_upto=last_edits(),
        snapshot=spec.as_dict(),
        digest=digest,
        checks=[problem.as_dict() for problem in problems],
        changes=[change.as_dict() for change in diff.changes(spec_of(latest) if latest else None, spec)],
    )


def refuse_unpublishable(spec: RulesetSpec) -> list[checks.Problem]:
    """What the checks say of a draft that may be published; refusals as `freeze`."""
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
    if latest is not None and latest.digest == spec_digest(spec):
        raise TransitionRefused(
            "routing.nothing_to_publish",
            f"The draft equals version {latest.number}; there is nothing to publish.",
        )
    return problems


@transaction.atomic
def roll_back(*, number: int, actor: User | None, note: str = "") -> RuleVersion:
    """Make the draft equal to an earlier version and publish that as a new one; unpublished edits are given up.

    No second person is asked: the version was let through when it was published. NotFound `routing.version_missing`;
    else as `freeze`. Takes the draft lock.
    """
    lock_draft()
    version = RuleVersion.objects.filter(number=number).first()
    if version is None:
        raise NotFound("routing.version_missing", f"There is no version {number}.")
    apply_ruleset(spec=spec_of(version), actor=actor, source=f"rolled back to version {number}")
    return freeze(actor=actor, note=note or f"Back to version {number}", restores=number)


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
    return freeze(actor=actor, note="Shipped rules")
