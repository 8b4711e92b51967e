"""What a comparison of the outbox with an ERP's documents found."""

from django.db import models

from core import clock
from erp_sync.models.connections import ErpConnection
from erp_sync.models.postings import Posting


class ReconciliationRun(models.Model):
    """One comparison of a connection's documents since a moment with the outbox."""

    connection = models.ForeignKey(ErpConnection, on_delete=models.CASCADE, related_name="reconciliations")
    since = models.DateTimeField()
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    postings = models.PositiveIntegerField(default=0)
    documents = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.connection.code} {self.started_at:%Y-%m-%d %H:%M}"


class FindingKind(models.TextChoices):
    """How outbox and ERP differ."""

    MISSING_THERE = "missing_there", "Confirmed here, missing in ERP"
    UNKNOWN_HERE = "unknown_here", "In ERP under a key of ours, not settled or not known here"
    DIFFERING = "differing", "Differs"
    DOUBLED = "doubled", "More than one document under one key"


class ReconciliationFinding(models.Model):
    """One difference."""

    run = models.ForeignKey(ReconciliationRun, on_delete=models.CASCADE, related_name="findings")
    kind = models.CharField(max_length=14, choices=FindingKind.choices)
    posting = models.ForeignKey(
        Posting, null=True, blank=True, on_delete=models.PROTECT, related_name="findings"
    )
    business_key = models.CharField(max_length=40)
    erp_number = models.CharField(max_length=80, blank=True)
    ours = models.CharField(max_length=120, blank=True)
    theirs = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ("run", "kind", "business_key")

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.business_key}"
