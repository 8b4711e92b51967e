"""The shift calendar beside the weekly pattern: holidays, rotations of teams, swapped shifts, and what changed it.

What a swap or a take-over comes to is an absence with a cover (people.py): the roster knows one way to stand in for
somebody. Must not know what the people are wanted for.
"""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q

from core import clock
from plant_app.models.people import Absence, Shift, Team, User
from plant_app.models.places import Site


class Closed(models.TextChoices):
    """What a holiday closes."""

    OFFICE = "office", "Offices only, production works"
    ALL = "all", "Everything"


class Holiday(models.Model):
    """A local day on which no shift of the site begins: those of offices, or every one."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="holidays")
    day = models.DateField()
    name = models.CharField(max_length=60)
    closes = models.CharField(max_length=8, choices=Closed.choices, default=Closed.OFFICE)

    class Meta:
        ordering = ("site", "day")
        constraints = [
            models.UniqueConstraint(fields=["site", "day"], name="holiday_once_per_site"),
            models.CheckConstraint(condition=Q(closes__in=Closed.values), name="holiday_closes_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.day}"


class TeamRotation(models.Model):
    """Which shift a team works on which day: a cycle of shift codes, one a day, empty for a day off."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, related_name="rotation")
    starts_on = models.DateField(help_text="a day on which the cycle begins")
    cycle = models.JSONField(
        default=list, help_text='shift codes, one a day, "" is free: ["E", "E", "L", "L", "N", "N", "", ""]'
    )

    def __str__(self) -> str:
        return f"Rotation of {self.team}"


class SwapStatus(models.TextChoices):
    """Where a proposed swap stands."""

    ASKED = "asked", "Asked"
    ACCEPTED = "accepted", "Accepted"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"


class ShiftSwap(models.Model):
    """One person asks another to exchange shifts, or to take one over where nothing is given in return.

    A shift is named by its pattern and the local day it begins, so that a clock change moves neither.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="swaps")
    asker = models.ForeignKey(User, on_delete=models.CASCADE, related_name="swaps_asked")
    partner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="swaps_offered")
    shift = models.ForeignKey(Shift, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    return_shift = models.ForeignKey(Shift, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    return_day = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=SwapStatus.choices, default=SwapStatus.ASKED)
    asked_at = models.DateTimeField(default=clock.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    absences = models.ManyToManyField(Absence, blank=True, related_name="swaps", editable=False)

    class Meta:
        ordering = ("-asked_at", "-pk")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=SwapStatus.values), name="swap_status_known"),
            models.CheckConstraint(condition=~Q(asker=F("partner")), name="swap_takes_two"),
            models.CheckConstraint(
                condition=Q(return_shift__isnull=True, return_day__isnull=True)
                | Q(return_shift__isnull=False, return_day__isnull=False),
                name="swap_return_is_whole",
            ),
            models.UniqueConstraint(
                fields=["asker", "shift", "day"],
                condition=Q(status__in=("asked", "accepted")),
                name="a_shift_is_given_away_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asker} and {self.partner}, {self.day}"


class PresenceKind(models.TextChoices):
    """What happened to the calendar."""

    AWAY = "away", "Away"
    BACK = "back", "Back"
    COVER = "cover", "Cover named"
    TAKEN = "taken", "Shift taken over"
    SWAP_ASKED = "swap_asked", "Swap asked"
    SWAP_ACCEPTED = "swap_accepted", "Swap accepted"
    SWAP_REFUSED = "swap_refused", "Swap refused"
    SWAP_WITHDRAWN = "swap_withdrawn", "Swap withdrawn"


class PresenceChange(models.Model):
    """Append-only line: who changed the calendar of whom, and how. `start` and `end` are what it is about."""

    site = models.ForeignKey(Site, null=True, on_delete=models.PROTECT, related_name="presence_changes")
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="presence_changes")
    other = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=PresenceKind.choices)
    start = models.DateTimeField(null=True, blank=True)
    end = models.DateTimeField(null=True, blank=True)
    actor = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-at", "-pk")
        indexes = [models.Index(fields=["site", "-at"])]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=PresenceKind.values), name="presence_change_known")
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="presence_change_append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_kind_display()}"
