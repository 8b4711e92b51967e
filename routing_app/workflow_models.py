"""Tables on a draft's way to a version: imports waiting to be applied, approvals, and what a site asks for.

Imported by models.py, so that Django finds them there. Must not know how a rule is evaluated.
"""

import pghistory
from django.db import models
from django.db.models import F, Q

from core import clock
from plant_app.models import Site, User


class ImportMode(models.TextChoices):
    REPLACE = "replace", "The rules become exactly those of the file"
    MERGE = "merge", "Only rules named in the file are changed or added"


class RuleImport(models.Model):
    """A file somebody uploaded: what it would make of the draft, and whether it was applied."""

    name = models.CharField(max_length=120)
    mode = models.CharField(max_length=10, choices=ImportMode.choices, default=ImportMode.REPLACE)
    uploaded_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=clock.now)
    spec = models.JSONField()
    draft_digest = models.CharField(max_length=64)
    applied_at = models.DateTimeField(null=True, blank=True)
    applied_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.name


class ApprovalStatus(models.TextChoices):
    WAITING = "waiting", "Waits for a second person"
    APPROVED = "approved", "Approved and published"
    REFUSED = "refused", "Sent back"
    WITHDRAWN = "withdrawn", "Withdrawn"


class RuleApproval(models.Model):
    """One request that a second person looks at the draft; it is about the draft with exactly this digest."""

    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=clock.now)
    note = models.CharField(max_length=300, blank=True)
    digest = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=ApprovalStatus.choices, default=ApprovalStatus.WAITING)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="waiting"), name="rule_approval_one_waiting"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["approved", "refused"])
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("asked_by"))),
                name="rule_approval_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asked_by}: {self.get_status_display()}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class PublishingPolicy(models.Model):
    """What a site asks before rules route it. One draft routes all sites, so the strictest site decides for it."""

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="publishing_policy")
    second_person = models.BooleanField(
        "a second person approves",
        default=False,
        help_text="whoever edited the draft or asks can't approve it; applies while any site asks for it",
    )

    class Meta:
        ordering = ("site",)
        verbose_name_plural = "publishing policies"

    def __str__(self) -> str:
        return str(self.site)
