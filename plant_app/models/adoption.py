"""Which of the product's capabilities a site has switched on, for which exception type, and since when.

Rows are appended, never changed: the newest one says how it stands, all of them together when each step was taken.
"""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from plant_app.models.catalogue import ExceptionType
from plant_app.models.places import Site


class Capability(models.TextChoices):
    """What is adopted step by step."""

    RESPONSE = "response", "Response"
    WRITE_BACK = "write_back", "Write-back to ERP"
    SEQUENCE = "sequence", "Sequence"


class Level(models.TextChoices):
    """How far a capability is switched on; which levels belong to which capability is in `LEVELS`."""

    CAPTURE = "capture", "Capture only"
    ROUTED = "routed", "Routed to an owner"
    COORDINATED = "coordinated", "All functions coordinated"
    OFF = "off", "Off"
    MANUAL = "manual", "Keyed by hand"
    APPROVAL = "approval", "Sent after approval"
    LIVE = "live", "Live"
    ADVISING = "advising", "Advising"
    CONFIRMING = "confirming", "Confirmed by the floor"


#: Each capability's levels, from the least to the most.
LEVELS: dict[str, tuple[Level, ...]] = {
    Capability.RESPONSE: (Level.CAPTURE, Level.ROUTED, Level.COORDINATED),
    Capability.WRITE_BACK: (Level.OFF, Level.MANUAL, Level.APPROVAL, Level.LIVE),
    Capability.SEQUENCE: (Level.OFF, Level.ADVISING, Level.CONFIRMING),
}


class AdoptionStep(models.Model):
    """From `since` on, a site (or one exception type there) has a capability at a level.

    A step of a type without a level gives the type back to what holds for its site.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="adoption_steps")
    type = models.ForeignKey(
        ExceptionType, null=True, blank=True, on_delete=models.PROTECT, related_name="adoption_steps"
    )
    capability = models.CharField(max_length=12, choices=Capability.choices)
    level = models.CharField(max_length=12, choices=Level.choices, blank=True)
    before = models.CharField(max_length=12, choices=Level.choices, help_text="what held until then")
    since = models.DateTimeField(default=clock.now)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.CheckConstraint(
                condition=Q(level="", type__isnull=False)
                | Q(capability="response", level__in=[level.value for level in LEVELS["response"]])
                | Q(capability="write_back", level__in=[level.value for level in LEVELS["write_back"]])
                | Q(
                    capability="sequence",
                    type__isnull=True,
                    level__in=[level.value for level in LEVELS["sequence"]],
                ),
                name="adoption_level_of_capability",
            )
        ]
        indexes = [models.Index(fields=["site", "capability", "-id"])]
        triggers: ClassVar = [
            pgtrigger.Protect(name="adoption_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        what = f"{self.site}, {self.type}" if self.type_id else str(self.site)
        level = self.get_level_display() if self.level else "as its site"
        return f"{what}: {self.get_capability_display()} {level.lower()}"
