"""Connected ERPs: where they are, which sites they serve, how they have been answering, how codes translate.

A connection names where its password is kept: outside this database, or sealed in a row of its own here. The key that
opens the seal is never in the database.
"""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from erp_sync.kinds import KIND_NAMES
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
        help_text="env:NAME, file:/path, or stored: sealed here with this installation's key",
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
    parallel = models.PositiveSmallIntegerField(
        default=4, help_text="postings under way at once, of different orders"
    )
    per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="postings a minute at most; empty: as fast as ERP answers"
    )
    alarm_count = models.PositiveIntegerField(
        default=10, help_text="refused and held postings that raise an alarm"
    )
    alarm_after = models.DurationField(
        default=timedelta(hours=4), help_text="age of a refused or held posting that raises an alarm"
    )
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="in a row")
    open_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="next probe of an open circuit"
    )
    silent_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="the first of the failures that opened the circuit"
    )
    on_trial = models.BooleanField(
        default=False,
        editable=False,
        help_text="a probe got through: one posting at a time until one gets an answer",
    )
    free_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="the rate limit allows the next posting then"
    )
    skew_ms = models.IntegerField(
        default=0, editable=False, help_text="how far ERP's clock goes before ours, in milliseconds"
    )
    skew_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="when that was measured")
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


class StoredSecret(models.Model):
    """A connection's password, sealed with a key the database does not hold. Written and opened by services only."""

    connection = models.OneToOneField(ErpConnection, on_delete=models.CASCADE, related_name="secret")
    sealed = models.TextField(editable=False)
    set_at = models.DateTimeField(default=clock.now)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return f"secret of {self.connection.code}"


class PostingMode(models.TextChoices):
    """How a kind of posting goes to ERP, from the most cautious to the least."""

    MANUAL = "manual", "Keyed by hand"
    APPROVAL = "approval", "Sent after approval"
    BUFFERED = "buffered", "Collected and sent together"
    LIVE = "live", "Sent at once"


class PostingPolicy(models.Model):
    """How one kind (or every kind) goes to a connection, at one site or all, and up to which value by itself.

    The narrowest row counts: kind and site, kind, site, neither. How far write-back is switched on for the site and
    exception type caps it; it never widens that.
    """

    connection = models.ForeignKey(ErpConnection, on_delete=models.CASCADE, related_name="policies")
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="empty: all"
    )
    kind = models.CharField(
        max_length=30, blank=True, choices=list(KIND_NAMES.items()), help_text="empty: all"
    )
    mode = models.CharField(max_length=10, choices=PostingMode.choices, default=PostingMode.LIVE)
    buffer_minutes = models.PositiveIntegerField(
        default=60,
        help_text="buffered ones go together every so many minutes, counted from midnight at the site",
    )
    value_limit = models.DecimalField(
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="worth more than this, it waits for approval; in the site's currency; empty: no limit",
    )
    quantity_limit = models.DecimalField(
        max_digits=16,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="more than this, in the item's unit, waits for approval; empty: no limit",
    )
    approver_role = models.CharField(
        max_length=30,
        blank=True,
        help_text="access role that may approve; empty: whoever may approve postings",
    )
    second_person = models.BooleanField(
        default=True, help_text="nobody approves what he decided or posted himself"
    )

    class Meta:
        ordering = ("connection", "kind", "site")
        verbose_name_plural = "posting policies"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "site", "kind"], name="posting_policy_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.connection.code} {self.kind or 'every kind'}: {self.get_mode_display()}"


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
    began_at = models.DateTimeField(null=True, blank=True, help_text="the read under way began then")
    rows_now = models.PositiveIntegerField(default=0, help_text="applied by the read under way")
    total_now = models.PositiveIntegerField(
        null=True, blank=True, help_text="rows it will see, where ERP says"
    )
    swept_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="last time everything ERP still has was listed to find what it deleted",
    )
    gone = models.JSONField(default=list, blank=True, help_text="codes the last sweep no longer found in ERP")

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
    tested_at = models.DateTimeField(null=True, blank=True, editable=False)
    test_ok = models.BooleanField(
        null=True, editable=False, help_text="ERP knows it; empty: it can't be asked"
    )
    test_said = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("connection", "kind", "ours")
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "ours"], name="code_mapping_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.ours} = {self.theirs}"


class PullRun(models.Model):
    """A read of master data somebody asked for, or a dry run of one, with what it did or would do."""

    connection = models.ForeignKey(ErpConnection, on_delete=models.CASCADE, related_name="pull_runs")
    entities = models.JSONField(default=list, blank=True, help_text="empty: all")
    dry = models.BooleanField(default=False, help_text="shows what would change and changes nothing")
    from_start = models.BooleanField(default=False)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True, help_text="per entity: rows, changes, gaps")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.connection.code} {self.asked_at:%Y-%m-%d %H:%M}"


class AlarmKind(models.TextChoices):
    """What an outbox alarm is about."""

    COUNT = "count", "Too many refused or held postings"
    AGE = "age", "A refused or held posting is too old"
    SILENT = "silent", "ERP does not answer"


class OutboxAlarm(models.Model):
    """A limit of a connection passed, told once to whoever answers for it, cleared when it no longer holds."""

    connection = models.ForeignKey(ErpConnection, on_delete=models.CASCADE, related_name="alarms")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=AlarmKind.choices)
    raised_at = models.DateTimeField(default=clock.now)
    count = models.PositiveIntegerField(default=0)
    oldest_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "site", "kind"],
                condition=Q(cleared_at__isnull=True),
                name="outbox_alarm_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.connection.code}: {self.get_kind_display()}"
