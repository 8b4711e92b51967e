"""Places, in ISA-95's words: enterprise, site, area, work centre (line or cell), work unit (machine or station)."""

from django.db import models
from django.db.models import Q

from plant_app.models.masterchange import master_triggers


class Enterprise(models.Model):
    """The company that runs the sites."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)

    def __str__(self) -> str:
        return self.name


class Site(models.Model):
    """A plant: its own time zone, currency and calendar."""

    enterprise = models.ForeignKey(Enterprise, on_delete=models.PROTECT, related_name="sites")
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    timezone = models.CharField(
        max_length=40, default="UTC", help_text="IANA name, for example Europe/Berlin"
    )
    currency = models.CharField(max_length=3, default="EUR")
    language = models.CharField(max_length=5, default="en")
    anonymous_reports = models.BooleanField(
        default=False,
        help_text="whoever scans a printed code may report without saying who they are; such reports wait for a person",
    )
    lapse_minutes = models.PositiveIntegerField(
        "answers lapse after (min)",
        null=True,
        blank=True,
        help_text="a function's acknowledgement nothing follows lapses after this, where neither its type nor the "
        "function there says otherwise; empty: four times the decide limit; 0: never",
    )

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.name


class Area(models.Model):
    """A part of a site one line lead looks after."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="areas")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        triggers = master_triggers("code", "name")
        ordering = ("site", "position", "code")
        constraints = [models.UniqueConstraint(fields=["site", "code"], name="area_code_once_per_site")]

    def __str__(self) -> str:
        return self.name


class WorkCentre(models.Model):
    """A line or cell: what an operation is planned on and what has a crew."""

    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="work_centres")
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    aliases = models.JSONField(default=list, blank=True, help_text="other names people use on the floor")
    cost_per_hour = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    crew = models.PositiveSmallIntegerField(default=1, help_text="people needed to run all its work units")
    position = models.PositiveSmallIntegerField(default=0)
    erp_id = models.CharField(max_length=40, blank=True)

    class Meta:
        triggers = master_triggers("code", "name", "aliases")
        ordering = ("area", "position", "code")

    def __str__(self) -> str:
        return self.name


class WorkUnit(models.Model):
    """A machine or station: what runs, stops and is reported on."""

    work_centre = models.ForeignKey(WorkCentre, on_delete=models.PROTECT, related_name="work_units")
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    aliases = models.JSONField(default=list, blank=True, help_text="other names people use on the floor")
    is_bottleneck = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)
    active = models.BooleanField(default=True)

    class Meta:
        triggers = master_triggers("code", "name", "aliases", "active")
        ordering = ("work_centre", "position", "code")
        constraints = [models.CheckConstraint(condition=~Q(code=""), name="work_unit_has_code")]

    def __str__(self) -> str:
        return self.code
