"""Switching a capability on or off for a site or one exception type there.

Owns the step and its date. What a level means is its reader's: response in `exceptions_app`, write-back in `erp_sync`,
sequence in `sequence_app`. Only what begins afterwards follows the new level.
"""

from django.db import transaction

from core import clock
from core.errors import InvalidInput
from core.hints import hint
from plant_app.models import AdoptionStep, Capability, ExceptionType, Level, Site, User
from plant_app.models.adoption import LEVELS
from plant_app.selectors.adoption import standing_of
from plant_app.services.live import request_resequence


@transaction.atomic
def set_level(
    *,
    site: Site,
    capability: str,
    level: str,
    type_: ExceptionType | None = None,
    actor: User | None,
    note: str = "",
) -> AdoptionStep | None:
    """Take a step: from now on `capability` is at `level` there. An empty level gives a type back to its site's.

    Returns None where it stands like this already. Raises InvalidInput `adoption.level` for a level the capability
    does not have, `adoption.type` where it has none of its own for types. Whether the actor may is the caller's
    question. Locks the site's row.
    """
    if capability not in LEVELS or (level and level not in LEVELS[capability]) or not (level or type_):
        raise InvalidInput(
            "adoption.level",
            f"There is no such level: {capability or 'no capability'} {level or '(empty)'}.",
            choices=[str(one) for one in LEVELS.get(capability, ())],
        )
    if type_ is not None and capability == Capability.SEQUENCE:
        raise InvalidInput(
            "adoption.type",
            "A sequence is one for the whole site.",
            "Switch it for the site, not for a type.",
        )
    Site.objects.select_for_update(no_key=True).get(pk=site.pk)
    now = standing_of(site)
    before = now.of(capability, type_.pk if type_ is not None else None)
    own = now.types.get((capability, type_.pk), "") if type_ is not None else now.site[capability]
    if own == level and (type_ is not None or AdoptionStep.objects.filter(
        site=site, capability=capability, type__isnull=True
    ).exists()):  # fmt: skip
        return None
    step = AdoptionStep.objects.create(
        site=site, type=type_, capability=capability, level=level, before=before, since=clock.now(), set_by=actor,
        note=note.strip()[:200],
    )  # fmt: skip
    if capability == Capability.SEQUENCE:
        request_resequence(site=site, cause=f"sequence {Level(level).label.lower()}")
    hint(f"site.{site.pk}", kind="adoption", capability=capability, level=level)
    return step
