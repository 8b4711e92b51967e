"""Printed codes: what a sticker on a machine opens. The row can be revoked; the address on the sticker is signed."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from plant_app.models.places import WorkUnit


class UnitCode(models.Model):
    """One printed code of a work unit; `key` and a signature of it make the address."""

    work_unit = models.ForeignKey(WorkUnit, on_delete=models.PROTECT, related_name="codes")
    key = models.CharField(max_length=12, unique=True, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ("work_unit", "-created_at")
        constraints = [
            models.UniqueConstraint(
                fields=["work_unit"], condition=Q(revoked_at=None), name="unit_code_one_live_per_unit"
            )
        ]

    def __str__(self) -> str:
        return f"Code of {self.work_unit}"
