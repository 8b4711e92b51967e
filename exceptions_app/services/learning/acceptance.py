"""Who looks first: a site's word on whether readings of a type on a channel open by themselves.

Owns the switch and what it may waive. It never waives a missing, unknown or contradictory link, a sender nobody trusts,
or the person an order change needs. What is switched is read by with the next message.
"""

from dataclasses import replace

from django.core.exceptions import ValidationError
from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed
from exceptions_app.models import ALWAYS_ASKED, Acceptance, AcceptancePolicy, Channel
from exceptions_app.reading.types import Reading
from exceptions_app.services.learning.knowledge import Knowledge
from plant_app.models import ExceptionType, Site, User
from plant_app.selectors import can

#: Beginnings of the reasons that only say how sure the type is; all others are about links, senders or contradictions.
_DOUBTS = ("not sure enough", "only a weak word for ", "reads as ", "read by likeness")


def who_looks(found: Reading, knowledge: Knowledge, *, site_code: str, channel: str) -> Reading:
    """The reading once the site's own rule has been asked: whether a person looks first, and why."""
    if not found.type_code or found.intent == "chatter" or found.unconfirmed:
        return found
    policy = knowledge.policy_of(site_code, found.type_code, channel)
    if policy is None or policy.mode == Acceptance.SHIPPED:
        return found
    if policy.mode == Acceptance.ASK:
        asked = f"here a person looks at {found.type_code.replace('_', ' ')} by {channel} first"
        return replace(found, needs_triage=True, triage_reasons=(*found.triage_reasons, asked))
    waived = (
        found.needs_triage
        and found.type_code not in ALWAYS_ASKED | {"safety_stop"}
        and found.type_confidence >= policy.least
        and all(reason.startswith(_DOUBTS) for reason in found.triage_reasons)
        and not any(field.candidates for field in found.fields)
    )
    return replace(found, needs_triage=False, triage_reasons=()) if waived else found


@transaction.atomic
def set_acceptance(
    *, site: Site, type_code: str, channel: str, mode: str, actor: User, least: float = 0.6
) -> AcceptancePolicy:
    """Say who looks first at a type on a channel; read by from the next message. `least` is a share, 0 to 1.

    NotAllowed without `plant.edit` or `exception.merge` (planners) at the site; InvalidInput `learning.acceptance` for
    what names nothing, and for letting order changes open by themselves.
    """
    if not (can(actor, "plant.edit", site.pk) or can(actor, "exception.merge", site.pk)):
        raise NotAllowed("learning.not_allowed", "You may not change who looks first.", "Ask a planner.")
    type_ = ExceptionType.objects.filter(code=type_code).first()
    if type_ is None or channel not in Channel.values or mode not in Acceptance.values:
        raise InvalidInput("learning.acceptance", "There is no such type, channel or rule.")
    policy, _ = AcceptancePolicy.objects.select_for_update(no_key=True, of=("self",)).get_or_create(
        site=site, type=type_, channel=channel, defaults={"changed_at": clock.now()}
    )
    policy.mode, policy.least = mode, least
    policy.changed_at, policy.changed_by = clock.now(), actor
    try:
        policy.full_clean(exclude=["site", "type"], validate_constraints=False)
    except ValidationError as error:
        raise InvalidInput("learning.acceptance", " ".join(error.messages)) from None
    policy.save()
    return policy
