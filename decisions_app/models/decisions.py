"""Decisions taken, the tasks they handed out, which postings are theirs, and what people said."""

from decimal import Decimal
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from decisions_app.models.playbooks import Option
from erp_sync.models import Posting
from exceptions_app.models import ExceptionRecord
from plant_app.models import Duty, Function


class Decision(models.Model):
    """The choice taken, by whom and why. Never changed, only reversed; `effect` is what was expected of it."""

    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="decisions")
    number = models.PositiveSmallIntegerField(default=1)
    option = models.ForeignKey(Option, on_delete=models.PROTECT, related_name="decisions")
    inputs = models.JSONField(default=dict, blank=True)
    effect = models.JSONField(default=dict, blank=True)
    quantity = models.DecimalField(max_digits=15, decimal_places=3, null=True, blank=True)
    cost = models.DecimalField(max_digits=15, decimal_places=2, default=Decimal(0))
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions"
    )
    decided_at = models.DateTimeField(default=clock.now)
    reason = models.CharField(max_length=300, blank=True)
    emergency = models.BooleanField(
        default=False, help_text="taken beyond its limit or before everybody answered; ratified afterwards"
    )
    terms = models.JSONField(
        default=dict,
        blank=True,
        help_text="the option as it was: version, effects and postings of the playbook",
    )
    message = models.TextField(max_length=1000, blank=True, help_text="what the customer is told of it")
    reversed_at = models.DateTimeField(null=True, blank=True)
    reversed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reverse_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("exception", "number")
        constraints = [models.UniqueConstraint(fields=["exception", "number"], name="decision_number_once")]
        triggers: ClassVar = [
            pgtrigger.Protect(name="decision_never_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="decision_fixed",
                exclude=["reversed_at", "reversed_by", "reverse_reason", "emergency"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exception.ref}: {self.option}"

    @property
    def in_force(self) -> bool:
        """Not reversed."""
        return self.reversed_at is None

    @property
    def effects(self) -> list[str]:
        """The plant effects it was taken with, whatever the playbook says by now."""
        found = self.terms.get("effects")
        return list(self.option.effects if found is None else found)


class TaskStatus(models.TextChoices):
    """Where a task stands."""

    OPEN = "open", "Open"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"


class CheckResult(models.TextChoices):
    """Whether a follow-up did what it was for."""

    EFFECTIVE = "effective", "It did not come back"
    FAILED = "failed", "It came back"


class Task(models.Model):
    """One piece of work with owner and clock; blocking, or a follow-up that lives on after close."""

    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="tasks")
    decision = models.ForeignKey(
        Decision, null=True, blank=True, on_delete=models.PROTECT, related_name="tasks"
    )
    code = models.CharField(max_length=30, blank=True)
    title = models.CharField(max_length=120)
    function = models.ForeignKey(Function, on_delete=models.PROTECT, related_name="tasks")
    role = models.CharField(max_length=30, choices=Duty.choices, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="tasks"
    )
    due_at = models.DateTimeField()
    blocking = models.BooleanField(default=True)
    clears = models.BooleanField(default=False)
    asks = models.JSONField(default=list, blank=True)
    effects = models.JSONField(default=list, blank=True, help_text="plant effects when it is done")
    status = models.CharField(max_length=10, choices=TaskStatus.choices, default=TaskStatus.OPEN)
    result = models.JSONField(default=dict, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    check_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="a follow-up is looked at again so many days after it was done"
    )
    check_due_at = models.DateTimeField(null=True, blank=True)
    check_result = models.CharField(max_length=10, choices=CheckResult.choices, blank=True)
    check_words = models.CharField(max_length=200, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    reopened = models.PositiveSmallIntegerField(
        default=0, help_text="how often a failed check opened it again"
    )

    class Meta:
        ordering = ("due_at", "pk")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=TaskStatus.values), name="task_status_known"),
            models.CheckConstraint(
                condition=Q(check_days__isnull=True) | Q(blocking=False), name="only_follow_ups_are_checked"
            ),
        ]
        indexes = [
            models.Index(fields=["function", "status"]),
            models.Index(fields=["due_at"], condition=Q(status="open"), name="task_open_due"),
            models.Index(
                fields=["check_due_at"], condition=Q(status="done", check_result=""), name="task_check_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exception.ref}: {self.title}"


class PostingLink(models.Model):
    """Which decision, task or containment of an exception asked for a posting."""

    posting = models.OneToOneField(Posting, on_delete=models.PROTECT, related_name="link")
    exception = models.ForeignKey(
        ExceptionRecord, null=True, blank=True, on_delete=models.PROTECT, related_name="posting_links",
        help_text="empty for progress reported without an exception",
    )  # fmt: skip
    decision = models.ForeignKey(
        Decision, null=True, blank=True, on_delete=models.PROTECT, related_name="posting_links"
    )
    task = models.ForeignKey(
        Task, null=True, blank=True, on_delete=models.PROTECT, related_name="posting_links"
    )
    template = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return f"{self.exception or 'progress'}: {self.posting}"


class Comment(models.Model):
    """Talk on the exception's page."""

    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="comments")
    text = models.TextField(max_length=2000)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.author} on {self.exception.ref}"
