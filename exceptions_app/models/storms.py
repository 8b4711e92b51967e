"""What keeps a signal from opening a record of its own, and which signals it kept.

A shelf is a person's (or a chattering signal's) word, with reason and end; a parent's stop covers its machines; a
planned stop is no surprise. What is held back stays a signal with its reading, and comes up when what held it is over.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core import clock
from exceptions_app.models.records import ExceptionRecord
from exceptions_app.models.signals import Signal, Source
from plant_app.models import Area, ExceptionType, Site, WorkCentre, WorkUnit


class Shelf(models.Model):
    """Signals of a place, a type or a sender open nothing for a while. Empty parts stand for any."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="shelves")
    type = models.ForeignKey(
        ExceptionType, null=True, blank=True, on_delete=models.PROTECT, related_name="shelves"
    )
    area = models.ForeignKey(Area, null=True, blank=True, on_delete=models.PROTECT, related_name="shelves")
    work_centre = models.ForeignKey(
        WorkCentre, null=True, blank=True, on_delete=models.PROTECT, related_name="shelves"
    )
    work_unit = models.ForeignKey(
        WorkUnit, null=True, blank=True, on_delete=models.PROTECT, related_name="shelves"
    )
    source = models.ForeignKey(
        Source, null=True, blank=True, on_delete=models.PROTECT, related_name="shelves"
    )
    signal_name = models.CharField(max_length=120, blank=True, help_text="one machine signal, by its name")
    people_too = models.BooleanField(default=False, help_text="also holds back what people report")
    reason = models.CharField(max_length=300)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="shelves"
    )
    author_text = models.CharField(max_length=80, blank=True, help_text="who, where that is no person")
    starts_at = models.DateTimeField(default=clock.now)
    ends_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ("-starts_at", "-pk")
        verbose_name_plural = "shelves"
        indexes = [
            models.Index(fields=["site", "ends_at"], condition=Q(lifted_at=None), name="shelf_standing"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="shelf_ends_after_start"),
            models.CheckConstraint(condition=~Q(reason=""), name="shelf_has_reason"),
            models.CheckConstraint(
                condition=Q(author__isnull=False) | ~Q(author_text=""), name="shelf_has_author"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} until {self.ends_at:%Y-%m-%d %H:%M} UTC"

    @property
    def scope(self) -> str:
        """What is shelved, in words."""
        place = self.work_unit or self.work_centre or self.area or self.site
        parts = [self.type.name if self.type else "Everything", f"at {place}"]
        if self.signal_name:
            parts.append(f"({self.signal_name})")
        if self.source is not None:
            parts.append(f"from {self.source}")
        return " ".join(parts)


class HeldBy(models.TextChoices):
    """What held a signal back."""

    SHELF = "shelf", "Shelved"
    PARENT = "parent", "Under a greater stop"
    PLANNED = "planned", "Planned stop"


class HeldSignal(models.Model):
    """One signal that opened no record, and what became of it: over by itself, or let through later."""

    signal = models.OneToOneField(Signal, on_delete=models.PROTECT, related_name="held")
    by = models.CharField(max_length=8, choices=HeldBy.choices)
    shelf = models.ForeignKey(Shelf, null=True, blank=True, on_delete=models.PROTECT, related_name="held")
    parent = models.ForeignKey(
        ExceptionRecord, null=True, blank=True, on_delete=models.PROTECT, related_name="held"
    )
    work_unit = models.ForeignKey(
        WorkUnit, null=True, blank=True, on_delete=models.PROTECT, related_name="held_signals"
    )
    correlation_key = models.CharField(max_length=200, blank=True)
    held_at = models.DateTimeField(default=clock.now)
    over_at = models.DateTimeField(null=True, blank=True, help_text="the condition ended while it was held")
    released_at = models.DateTimeField(null=True, blank=True, help_text="let through, to be read again")

    class Meta:
        ordering = ("-held_at", "-pk")
        indexes = [
            models.Index(
                fields=["held_at"], condition=Q(over_at=None, released_at=None), name="held_standing"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(by__in=HeldBy.values), name="held_by_known"),
            models.CheckConstraint(
                condition=Q(by="shelf", shelf__isnull=False)
                | Q(by="parent", parent__isnull=False)
                | Q(by="planned", work_unit__isnull=False),
                name="held_by_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.signal} {self.get_by_display()}"
