"""Playbooks: per exception type what is contained at once, which options exist, and what each brings about.

Data an administrator edits. Words that name code (a posting template, a plant effect, a word in a task's title) come
from the catalogues in `decisions_app.catalogue` and are checked on saving.
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from decisions_app import catalogue
from plant_app.models import Duty, ExceptionType, Function


class Clears(models.TextChoices):
    """What ends the condition of a type."""

    PERSON = "person", "Somebody says so, or a task does"
    TASKS = "tasks", "The last blocking task"
    RELEASE = "release", "Only its release tasks, each signed by another person of the duty named"


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
        _check_effects("containment", self.containment)


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
        _check_effects("effects", self.effects)
        if not isinstance(self.deciders, list) or not set(self.deciders) <= set(Duty.values):
            raise ValidationError({"deciders": f"A list of duties: {', '.join(Duty.values)}"})
        _check_inputs("inputs", self.inputs)


class OptionTask(models.Model):
    """A task an option hands out. Due so many minutes after the decision, or at one of its inputs."""

    option = models.ForeignKey(Option, on_delete=models.CASCADE, related_name="tasks")
    code = models.SlugField(max_length=30)
    function = models.ForeignKey(Function, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=30, choices=Duty.choices, blank=True)
    title = models.CharField(max_length=120)
    due_minutes = models.PositiveIntegerField(default=60)
    due_input = models.CharField(max_length=30, blank=True, help_text="a date-time input it is due at")
    due_offset = models.PositiveIntegerField(default=0, help_text="minutes after that input")
    blocking = models.BooleanField(default=True, help_text="the exception can't be resolved before")
    clears = models.BooleanField(default=False, help_text="doing it ends the condition")
    asks = models.JSONField(default=list, blank=True, help_text="what the doer enters, shaped like inputs")
    only_if = models.CharField(max_length=40, blank=True, help_text="input that must be true, or name=value")
    effects = models.JSONField(default=list, blank=True, help_text="plant effects when it is done, by name")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("option", "position")
        constraints = [models.UniqueConstraint(fields=["option", "code"], name="option_task_code_once")]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        _check_effects("effects", self.effects)
        _check_inputs("asks", self.asks)
        try:
            self.title.format(**dict.fromkeys(catalogue.TITLE_WORDS, ""))
        except (KeyError, IndexError, ValueError, AttributeError):
            known = ", ".join(f"{{{name}}}" for name in catalogue.TITLE_WORDS)
            raise ValidationError({"title": f"A title may name {known}"}) from None
        inputs = {str(entry.get("name")): entry.get("kind") for entry in self.option.inputs}
        if self.due_input and inputs.get(self.due_input) != "datetime":
            raise ValidationError({"due_input": f"No date-time input: {self.due_input}"})
        if self.only_if and self.only_if.partition("=")[0] not in inputs:
            raise ValidationError({"only_if": f"No such input: {self.only_if}"})


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


def _check_effects(field: str, names: Any) -> None:
    if not isinstance(names, list):
        raise ValidationError({field: "A list of plant effects"})
    unknown = sorted({str(name) for name in names} - set(catalogue.EFFECTS))
    if unknown:
        raise ValidationError({field: f"Unknown plant effects: {', '.join(unknown)}"})


def _check_inputs(field: str, entries: Any) -> None:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValidationError({field: "A list of inputs, each with name, label and kind"})
    names = [str(entry.get("name") or "") for entry in entries]
    if "" in names or len(set(names)) != len(names):
        raise ValidationError({field: "Every input has a name of its own"})
    kinds: Iterable[str] = {str(entry.get("kind") or "text") for entry in entries}
    unknown = sorted(set(kinds) - set(catalogue.INPUT_KINDS))
    if unknown:
        raise ValidationError({field: f"Unknown kinds: {', '.join(unknown)}"})
