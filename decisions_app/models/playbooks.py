"""Playbooks: per exception type what is contained at once, which options exist, and what each brings about.

Data an administrator edits. Words that name code (a posting template, a plant effect, a word in a task's title) come
from the catalogues in `decisions_app.catalogue` and are checked on saving.
"""

from django.db import models
from django.db.models import Q

from decisions_app import catalogue
from decisions_app.soundness import (
    check_approvals,
    check_effects,
    check_inputs,
    check_limits,
    message_names,
    wrong,
)
from plant_app.models import Duty, ExceptionType, Function, Site

# What is filled in has room in one answer to the customer.
LONGEST_MESSAGE = 240


class Clears(models.TextChoices):
    """What ends the condition of a type."""

    PERSON = "person", "Somebody says so, or a task does"
    TASKS = "tasks", "The last blocking task"
    RELEASE = "release", "Only its release tasks, each signed by another person of the duty named"


class CauseRequired(models.TextChoices):
    """Which records of a type close only with their root cause stated."""

    RULE = "rule", "Those a routing rule asks it of"
    SEVERE = "severe", "Those of high or critical severity, and those a rule asks it of"
    ALWAYS = "always", "All of them"


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
    cause_required = models.CharField(
        max_length=10,
        choices=CauseRequired.choices,
        default=CauseRequired.RULE,
        help_text="which records close only once their root cause is stated",
    )
    shipped = models.JSONField(
        default=dict, blank=True, editable=False,
        help_text="what was last loaded of each part, as digests, and which newer parts the site left",
    )  # fmt: skip
    version = models.PositiveIntegerField(
        default=1,
        editable=False,
        help_text="raised by every change; a decision keeps the one it was taken with",
    )

    class Meta:
        ordering = ("type__position",)

    def __str__(self) -> str:
        return f"Playbook: {self.type}"

    def clean(self) -> None:
        check_effects("containment", self.containment)


class Option(models.Model):
    """One allowed disposition. `inputs` = [{name, label, kind, required, choices, help, default}]."""

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="options")
    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=60)
    when = models.CharField(max_length=200, blank=True, help_text="the situation it fits")
    position = models.PositiveSmallIntegerField(default=0)
    deciders = models.JSONField(default=list, help_text="duties that may decide it")
    limits = models.JSONField(
        default=dict,
        blank=True,
        help_text='money limits that differ from the site\'s, by duty: {"technician": "0"}',
    )
    approvals = models.JSONField(
        default=list,
        blank=True,
        help_text='second persons: [{"role": "cs_lead", "above": "500", "severity": ["critical"], "minutes": 60}]',
    )
    message = models.TextField(
        max_length=1000,
        blank=True,
        help_text="what the customer is told; names in braces are filled in, [square brackets] are left out where "
        "nothing fills them",
    )
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
        check_effects("effects", self.effects)
        if not isinstance(self.deciders, list) or not set(map(str, self.deciders)) <= set(Duty.values):
            raise wrong("deciders", "unknown_role", f"A list of duties: {', '.join(Duty.values)}")
        check_inputs("inputs", self.inputs)
        check_limits("limits", self.limits)
        check_approvals("approvals", self.approvals)
        if len(self.message) > LONGEST_MESSAGE:
            raise wrong("message", "too_long", f"A message has at most {LONGEST_MESSAGE} characters")
        names = {str(entry.get("name")) for entry in self.inputs}
        unknown = (
            message_names(self.message) - set(catalogue.TITLE_WORDS) - set(catalogue.MESSAGE_WORDS) - names
        )
        if unknown:
            raise wrong(
                "message", "unknown_word", f"Nothing fills {', '.join(sorted(unknown))} in the message"
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
    due_offset = models.PositiveIntegerField(default=0, help_text="minutes after that input")
    blocking = models.BooleanField(default=True, help_text="the exception can't be resolved before")
    check_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="follow-ups: so many days after it is done, did the same thing come back?",
    )
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
        check_effects("effects", self.effects)
        check_inputs("asks", self.asks)
        try:
            self.title.format(**dict.fromkeys(catalogue.TITLE_WORDS, ""))
        except (KeyError, IndexError, ValueError, AttributeError):
            known = ", ".join(f"{{{name}}}" for name in catalogue.TITLE_WORDS)
            raise wrong("title", "unknown_word", f"A title may name {known}") from None
        inputs = {str(entry.get("name")): entry.get("kind") for entry in self.option.inputs}
        if self.due_input and inputs.get(self.due_input) != "datetime":
            raise wrong("due_input", "unknown_input", f"No date-time input: {self.due_input}")
        if self.only_if and self.only_if.partition("=")[0] not in inputs:
            raise wrong("only_if", "unknown_input", f"No such input: {self.only_if}")
        if self.check_days is not None and self.blocking:
            raise wrong(
                "check_days", "not_a_follow_up", "Only a follow-up, which blocks nothing, is checked later"
            )


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
            raise wrong("template", "unknown_template", f"Unknown posting template: {self.template}")
        if not isinstance(self.settings, dict):
            raise wrong("settings", "settings", "Settings are names with values")
        if self.settings.get("basis", "real") not in ("real", "statistical"):
            raise wrong("settings", "settings", "A cost is real or statistical")
        if self.trigger == Trigger.TASK and self.option is not None and self.option.pk is not None:
            codes = set(self.option.tasks.values_list("code", flat=True))
            if codes and self.task_code not in codes:
                raise wrong("task_code", "unknown_task", f"The option hands out no task {self.task_code}")


class MoneyLimit(models.Model):
    """What one decision of a duty may cost, at a site or everywhere. Shipped limits hold where no row says else."""

    duty = models.CharField(max_length=30, choices=Duty.choices)
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="money_limits"
    )
    amount = models.DecimalField(
        max_digits=15,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="site's currency; empty: without limit",
    )

    class Meta:
        ordering = ("duty", "site")
        constraints = [
            models.UniqueConstraint(fields=["duty", "site"], name="money_limit_once", nulls_distinct=False),
            models.CheckConstraint(
                condition=Q(amount__isnull=True) | Q(amount__gte=0), name="money_limit_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_duty_display()}: {'no limit' if self.amount is None else self.amount}"


class RootCauseCategory(models.Model):
    """A kind of root cause people choose from, for one type of exception or, without one, for all."""

    type = models.ForeignKey(
        ExceptionType, null=True, blank=True, on_delete=models.CASCADE, related_name="root_causes"
    )
    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("type__position", "position", "name")
        verbose_name_plural = "root cause categories"
        constraints = [
            models.UniqueConstraint(
                fields=["type", "code"], name="root_cause_once_per_type", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name
