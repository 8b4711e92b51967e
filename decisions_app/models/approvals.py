"""Yeses a decision needs besides its decider's: asked, given, refused; and the yes an emergency gets afterwards.

One row per role asked; rows of one request share its number. Never decides anything itself.
"""

from decimal import Decimal
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from decisions_app.models.decisions import Decision
from decisions_app.models.playbooks import Option
from exceptions_app.models import ExceptionRecord
from plant_app.models import Duty


class ApprovalWhy(models.TextChoices):
    """Why somebody else's yes is needed."""

    LIMIT = "limit", "Over the decider's limit"
    SECOND = "second", "A second person signs"
    RATIFY = "ratify", "Taken in an emergency, to be ratified"


class ApprovalStatus(models.TextChoices):
    """Where it stands."""

    WAITING = "waiting", "Waiting"
    GIVEN = "given", "Approved"
    REFUSED = "refused", "Refused"
    STALE = "stale", "Out of date"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Approval(models.Model):
    """One yes asked of a role, on its own clock. `basis` is what it rests on: once that differs the yes is stale."""

    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="approvals")
    number = models.PositiveSmallIntegerField(help_text="the request; several roles may be asked in one")
    option = models.ForeignKey(Option, on_delete=models.PROTECT, related_name="+")
    why = models.CharField(max_length=10, choices=ApprovalWhy.choices)
    role = models.CharField(max_length=30, choices=Duty.choices)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="approvals",
        help_text="whoever of the role was asked; anybody of it may answer",
    )  # fmt: skip
    inputs = models.JSONField(default=dict, blank=True)
    basis = models.JSONField(default=dict, blank=True)
    cost = models.DecimalField(max_digits=15, decimal_places=2, default=Decimal(0))
    reason = models.CharField(max_length=300, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=clock.now)
    minutes = models.PositiveIntegerField(default=60)
    due_at = models.DateTimeField()
    remind_at = models.DateTimeField(null=True, blank=True)
    check_at = models.DateTimeField(
        default=clock.now, help_text="while it waits: looked at then, whether it still stands as it was asked"
    )
    reminded = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(max_length=10, choices=ApprovalStatus.choices, default=ApprovalStatus.WAITING)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True, help_text="why refused, stale or withdrawn")
    end_code = models.CharField(
        max_length=40,
        blank=True,
        help_text="how it ended, for programs: approvals.given, approvals.option_lapsed...",
    )
    decision = models.ForeignKey(
        Decision, null=True, blank=True, on_delete=models.PROTECT, related_name="approvals"
    )

    class Meta:
        ordering = ("-asked_at", "pk")
        constraints = [
            models.UniqueConstraint(
                fields=["exception", "number", "role"], name="approval_role_once_per_request"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ApprovalStatus.values), name="approval_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="waiting") | Q(remind_at__isnull=False), name="approval_waits_on_a_clock"
            ),
        ]
        indexes = [
            models.Index(fields=["remind_at"], condition=Q(status="waiting"), name="approval_remind"),
            models.Index(fields=["check_at"], condition=Q(status="waiting"), name="approval_check"),
        ]
        triggers: ClassVar = [pgtrigger.Protect(name="approval_never_deleted", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.exception.ref}: {self.option}, {self.get_role_display()}"


class RootCause(models.Model):
    """Why it happened, as people found out: a category and their words. The record's story keeps earlier ones."""

    exception = models.OneToOneField(ExceptionRecord, on_delete=models.PROTECT, related_name="root_cause")
    category = models.ForeignKey(
        "decisions_app.RootCauseCategory", on_delete=models.PROTECT, related_name="causes"
    )
    text = models.CharField(max_length=500, blank=True)
    said_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    said_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.exception.ref}: {self.category}"
