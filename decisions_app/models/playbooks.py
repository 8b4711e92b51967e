"""Playbooks: per exception type what is contained at once, which options exist, and what each brings about.

Data an administrator edits. Words that name code (a posting template, a plant effect) come from the catalogues in
`decisions_app.catalogue` and are checked on saving.
"""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from decisions_app import catalogue
from plant_app.models import Duty, ExceptionType, Function


class Clears(models.TextChoices):
    """What ends the condition of a type."""

    PERSON = "person", "Somebody says so, or a task does"
    TASKS = "tasks", "The last blocking task"


class Trigger(models.TextChoices):
    """When an option's posting is queued."""

    CONTAIN = "contain", "On containment"
    DECIDE = "decide", "On deciding"
    TASK = "task", "When its task is done"
    CLEAR = "clear", "When the condition is cleared"


class Playbook(models.Model):
    """What is done about a type of exception."""

    type = models.OneToOneField(ExceptionType, on_delete=models.CASCADE, related_name="playbook")
    containment = models.JSONField(default=list, blank=True, help_text="plant effects on opening, by name")
    estimate_minutes = models.PositiveIntegerField(
        default=60, help_text="assumed duration until somebody states one"
    )
    clears = models.CharField(max_length=10, choices=Clears.choices, default=Clears.PERSON)

    class Meta:
        ordering = ("type__position",)

    def __str__(self) -> str:
        return f"Playbook: {self.type}"

    def clean(self) -> None:
        unknown = sorted(set(self.containment) - set(catalogue.EFFECTS))
        if unknown:
            raise ValidationError({"containment": f"Unknown plant effects: {', '.join(unknown)}"})


class Option(models.Model):
    """One allowed disposition. `inputs` = [{name, label, kind, required, choices, help, default}]."""

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="options")
    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=60)
    when = models.CharField(max_length=200, blank=True, help_text="the situation it fits")
    position = models.PositiveSmallIntegerField(default=0)
    deciders = models.JSONField(default=list, help_text="duties that may decide it")
    inputs = models.JSONField(default=list, blank=True)
    effects = models.JSONField(default=list, blank=True, help_text="plant effects on deciding, by name")
    expedited = models.BooleanField(default=False, help_text="not counted in the response window")
    by_quantity = models.BooleanField(default=False, help_text="several may share the suspect quantity")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("playbook", "position")
        constraints = [
            models.UniqueConstraint(fields=["playbook", "code"], name="option_code_once_per_playbook")
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        unknown = sorted(set(self.effects) - set(catalogue.EFFECTS))
        if unknown:
            raise ValidationError({"effects": f"Unknown plant effects: {', '.join(unknown)}"})
        strangers = sorted(set(self.deciders) - set(Duty.values))
        if strangers:
            raise ValidationError({"deciders": f"Unknown duties: {', '.join(strangers)}"})
        kinds = {entry.get("kind", "") for entry in self.inputs}
        if not kinds <= set(catalogue.INPUT_KINDS):
            raise ValidationError(
                {"inputs": f"Unknown kinds: {', '.join(sorted(kinds - set(catalogue.INPUT_KINDS)))}"}
            )


class OptionTask(models.Model):
    """A task an option hands out. Due so many minutes after the decision, or at one of its inputs."""

    option = models.ForeignKey(Option, on_delete=models.CASCADE, related_name="tasks")
    code = models.SlugField(max_length=30)
    function = models.ForeignKey(Function, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=30, choices=Duty.choices, blank=True)
    title = models.CharField(max_length=120)
    due_minutes = models.PositiveIntegerField(default=60)
    due_input = models.CharField(max_length=30, blank=True, help_text="a date-time input it is due at")
    blocking = models.BooleanField(default=True, help_text="the exception can't be resolved before")
    clears = models.BooleanField(default=False, help_text="doing it ends the condition")
    asks = models.JSONField(default=list, blank=True, help_text="what the doer enters, shaped like inputs")
    only_if = models.CharField(max_length=40, blank=True, help_text="input that must be true, or name=value")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("option", "position")
        constraints = [models.UniqueConstraint(fields=["option", "code"], name="option_task_code_once")]

    def __str__(self) -> str:
        return self.title


class OptionPosting(models.Model):
    """A posting an option (or, without one, the type's containment) asks for, by template."""

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="postings")
    option = models.ForeignKey(
        Option, null=True, blank=True, on_delete=models.CASCADE, related_name="postings"
    )
    template = models.CharField(max_length=40)
    trigger = models.CharField(max_length=10, choices=Trigger.choices, default=Trigger.DECIDE)
    task_code = models.CharField(max_length=30, blank=True)
    settings = models.JSONField(
        default=dict, blank=True, help_text="template's own settings, e.g. cost basis"
    )
    needs_approval = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("playbook", "position")
        constraints = [
            models.CheckConstraint(
                condition=~Q(trigger="task") | ~Q(task_code=""), name="task_posting_names_its_task"
            )
        ]

    def __str__(self) -> str:
        return f"{self.template} on {self.trigger}"

    def clean(self) -> None:
        if self.template not in catalogue.TEMPLATES:
            raise ValidationError({"template": f"Unknown posting template: {self.template}"})
