"""The exception catalogue: types with their forms, reasons and affected functions, edited in the admin.

What a type may lead to (options, tasks, postings) lies with the playbooks, who gets it with the rules.
"""

import pghistory
from django.db import models
from django.db.models import Q

from plant_app.models.people import Duty, Function


class Severity(models.TextChoices):
    """How bad the event is."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


@pghistory.track()
class ExceptionType(models.Model):
    """A kind of exception. `form` lists the capture fields; `plant_app.forms_schema` says what a field may hold."""

    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=60)
    icon = models.CharField(max_length=30, default="alert-triangle")
    default_severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.MEDIUM)
    owner_function = models.ForeignKey(Function, on_delete=models.PROTECT, related_name="owned_types")
    triage_role = models.CharField(max_length=30, choices=Duty.choices, default=Duty.SHIFT_SUPERVISOR)
    form = models.JSONField(default=list, blank=True)
    reopen_minutes = models.PositiveIntegerField(
        default=120, help_text="a return within this reopens the record"
    )
    lapse_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="an acknowledgement nobody acts on lapses after this; empty: four times the decide limit; 0: never",
    )
    is_full_pack = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position",)
        constraints = [
            models.CheckConstraint(
                condition=Q(default_severity__in=Severity.values), name="exception_type_severity_known"
            )
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class TypeFunction(models.Model):
    """A function this type usually affects; routing may add more."""

    type = models.ForeignKey(ExceptionType, on_delete=models.CASCADE, related_name="functions")
    function = models.ForeignKey(Function, on_delete=models.PROTECT, related_name="+")
    required = models.BooleanField(default=True, help_text="must acknowledge; otherwise only informed")
    lapse_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="its acknowledgement nothing follows lapses after this; empty: as the type; 0: never",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["type", "function"], name="type_function_once")]

    def __str__(self) -> str:
        return f"{self.type}: {self.function}"


@pghistory.track()
class ReasonCode(models.Model):
    """A leaf of a type's reason tree, for example MEC-LEAK."""

    type = models.ForeignKey(ExceptionType, on_delete=models.CASCADE, related_name="reasons")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=80)
    quick = models.BooleanField(default=False, help_text="offered as a button at the station")
    active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("type", "position", "code")
        constraints = [models.UniqueConstraint(fields=["type", "code"], name="reason_code_once_per_type")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"
