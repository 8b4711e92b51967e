"""How far a site has gone with a capability, for an exception type, at a moment.

Where nobody has switched anything, everything is on: who installs the product whole gets it whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q

from core import clock
from plant_app.models import AdoptionStep, Capability, Level, Site
from plant_app.models.adoption import LEVELS


@dataclass(frozen=True)
class Standing:
    """One site's levels now: what holds for the site, and for the types that have a level of their own."""

    site: Mapping[str, Level]
    types: Mapping[tuple[str, int], Level]

    def of(self, capability: str, type_id: int | None = None) -> Level:
        """The level that counts for a type (None: for what has no exception type)."""
        own = self.types.get((capability, type_id)) if type_id is not None else None
        return own or self.site[capability]


def most(capability: str) -> Level:
    """The last level of a capability: what holds where nobody has switched anything."""
    return LEVELS[capability][-1]


def standing_of(site: Site | int) -> Standing:
    """All levels of a site now. One query."""
    site_id = site if isinstance(site, int) else site.pk
    rows = (
        AdoptionStep.objects.filter(site=site_id, since__lte=clock.now())
        .order_by("capability", "type_id", "-pk")
        .distinct("capability", "type_id")
        .values_list("capability", "type_id", "level")
    )
    whole = {str(capability): most(capability) for capability in Capability.values}
    types: dict[tuple[str, int], Level] = {}
    for capability, type_id, level in rows:
        if type_id is None:
            whole[capability] = Level(level)
        elif level:
            types[(capability, type_id)] = Level(level)
    return Standing(whole, types)


def level_of(site: Site | int, capability: str, type_id: int | None = None) -> Level:
    """How far `capability` is switched on at a site for a type; the type's own step before the site's. One query."""
    site_id = site if isinstance(site, int) else site.pk
    rows = (
        AdoptionStep.objects.filter(
            Q(type__isnull=True) | Q(type=type_id),
            site=site_id, capability=capability, since__lte=clock.now(),
        )
        .order_by("type_id", "-pk")
        .distinct("type_id")
        .values_list("type_id", "level")
    )  # fmt: skip
    levels: dict[int | None, str] = dict(rows)
    found = (levels.get(type_id) if type_id is not None else "") or levels.get(None) or ""
    return Level(found) if found else most(capability)
