"""The shift handover sheet: what one shift leaves to the next, signed by both leads.

Drawn from records until the outgoing lead signs; from then on what it says is frozen, and once the incoming lead has
signed nothing of it changes any more: the database sees to both.
"""

import functools
import operator
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core import clock
from plant_app.models import Area, Shift, Site

# What the outgoing lead's signature stands under.
_FROZEN = (
    "site", "area", "shift", "shift_name", "day", "starts_at", "ends_at", "due_at", "notes", "look_first", "content",
    "figures", "outgoing", "outgoing_at", "outgoing_by",
)  # fmt: skip


def _changed(*fields: str) -> pgtrigger.Q:
    return functools.reduce(
        operator.or_, [pgtrigger.Q(**{f"old__{name}__df": pgtrigger.F(f"new__{name}")}) for name in fields]
    )


class HandoverSheet(models.Model):
    """One area's sheet for one shift. `content` and `figures` are empty until the outgoing lead signs."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="handovers")
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="handovers")
    shift = models.ForeignKey(Shift, on_delete=models.PROTECT, related_name="handovers")
    shift_name = models.CharField(max_length=40)
    day = models.DateField(help_text="the local day the shift began")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="late from then on: goes to the area manager")
    created_at = models.DateTimeField(default=clock.now)

    notes = models.TextField(max_length=4000, blank=True)
    look_first = models.JSONField(default=list, blank=True, help_text="three things to look at first")
    version = models.PositiveIntegerField(default=0, help_text="raised by every change of the notes")

    content = models.JSONField(default=dict, blank=True)
    figures = models.JSONField(default=dict, blank=True)
    outgoing = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    outgoing_at = models.DateTimeField(null=True, blank=True)
    outgoing_by = models.CharField(max_length=10, blank=True, help_text="login or badge")
    incoming = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    incoming_at = models.DateTimeField(null=True, blank=True)
    incoming_by = models.CharField(max_length=10, blank=True, help_text="login or badge")
    remarks = models.TextField(max_length=2000, blank=True)

    class Meta:
        ordering = ("-starts_at", "area")
        constraints = [
            models.UniqueConstraint(fields=["area", "shift", "day"], name="handover_once_per_shift"),
            models.CheckConstraint(
                condition=Q(incoming__isnull=True) | Q(outgoing__isnull=False),
                name="handover_outgoing_signs_first",
            ),
            models.CheckConstraint(
                condition=Q(incoming__isnull=True) | ~Q(incoming=F("outgoing")),
                name="handover_signed_by_two",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(incoming_at__isnull=True), name="handover_unsigned")
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="handover_never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="handover_signed_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__incoming_at__isnull=False),
            ),
            pgtrigger.Protect(
                name="handover_frozen_by_outgoing",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__outgoing_at__isnull=False) & _changed(*_FROZEN),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.area.name}, {self.shift_name} {self.day}"

    @property
    def frozen(self) -> bool:
        """The outgoing lead has signed: what it says no longer changes."""
        return self.outgoing_at is not None

    @property
    def complete(self) -> bool:
        """Both leads have signed."""
        return self.incoming_at is not None
