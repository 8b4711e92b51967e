"""Connected ERPs: where they are, which sites they serve, how they have been answering, how codes translate.

No secret is stored here: a connection names where its password is kept, never the password.
"""

from django.db import models
from django.db.models import Q

from core import clock
from plant_app.models import Site


class ErpConnection(models.Model):
    """One ERP this product writes to and reads from.

    The circuit opens after several failures in a row and is closed by a successful probe; until then nothing is sent.
    """

    code = models.SlugField(max_length=30, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=20, help_text="connector, for example tryton")
    base_url = models.URLField(
        blank=True, help_text="empty: taken from the installation's own ERP, once it is up"
    )
    database = models.CharField(max_length=80, blank=True)
    username = models.CharField(max_length=80, blank=True)
    password_source = models.CharField(
        max_length=200,
        blank=True,
        help_text="env:NAME or file:/path; the password itself is never stored here",
    )
    options = models.JSONField(
        default=dict,
        blank=True,
        help_text="the connector's own settings, for example read_timeout in seconds",
    )
    sites = models.ManyToManyField(Site, through="ConnectionSite", related_name="erp_connections")
    enabled = models.BooleanField(default=True)
    is_ledger = models.BooleanField(
        default=False,
        help_text="in-process books of a rehearsed past: left out of live lag and reconciliation",
    )
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="in a row")
    open_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="next probe of an open circuit"
    )
    last_ok_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("code",)
        verbose_name = "ERP connection"

    def __str__(self) -> str:
        return self.name

    @property
    def circuit_open(self) -> bool:
        """Nothing is sent until a probe succeeds."""
        return self.open_until is not None


class ConnectionSite(models.Model):
    """A site a connection serves. One connection per site is where its postings go unless another is named."""

    connection = models.ForeignKey(ErpConnection, on_delete=models.CASCADE, related_name="site_links")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="erp_links")
    is_default = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "site"], name="connection_site_once"),
            models.UniqueConstraint(
                fields=["site"], condition=Q(is_default=True), name="connection_one_default_per_site"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site} to {self.connection}"


class Watermark(models.Model):
    """How far an entity has been read from a connection, and what went wrong at the last try."""

    connection = models.ForeignKey(ErpConnection, on_delete=models.CASCADE, related_name="watermarks")
    entity = models.CharField(max_length=30)
    value = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(null=True, blank=True, help_text="last time a read went through to its end")
    rows = models.PositiveIntegerField(default=0, help_text="applied by that read")
    missing = models.JSONField(
        default=list, blank=True, help_text="rows that speak of something this plant does not have"
    )
    error = models.TextField(blank=True)
    error_at = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(default=clock.now, help_text="next read is due")

    class Meta:
        ordering = ("connection", "entity")
        constraints = [models.UniqueConstraint(fields=["connection", "entity"], name="watermark_once")]

    def __str__(self) -> str:
        return f"{self.connection.code} {self.entity}"


class CodeMapping(models.Model):
    """What one of our codes is called in one ERP (reason, location, movement type, cause, priority)."""

    connection = models.ForeignKey(ErpConnection, on_delete=models.CASCADE, related_name="mappings")
    kind = models.CharField(max_length=30, help_text="reason, location, cause, work_unit, account, ...")
    ours = models.CharField(max_length=60)
    theirs = models.CharField(max_length=120)

    class Meta:
        ordering = ("connection", "kind", "ours")
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "ours"], name="code_mapping_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.ours} = {self.theirs}"
