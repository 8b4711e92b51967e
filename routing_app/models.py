"""Tables of routing: the draft (rules, ladders, limits), the published versions, and a case per evaluation.

The draft is edited freely; only a published version routes. The database keeps the catch-all in place and versions
and cases unchanged. Must not know exceptions: a case points at one by an opaque reference.
"""

from decimal import Decimal
from typing import Any, Final, TypeVar, cast

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from core import clock
from plant_app.models import Function, User
from routing_app import facts, words
from routing_app.comparing import read_expected
from routing_app.facts import Operator
from routing_app.workflow_models import (
    ApprovalStatus,
    ImportMode,
    PublishingPolicy,
    RuleApproval,
    RuleImport,
)

__all__ = [
    "CATCH_ALL_ORDER", "ApprovalStatus", "ClockLimit", "ImportMode", "Ladder", "LadderStep", "Mark", "Need",
    "OtherAcknowledgeLimit", "Place", "PublishingPolicy", "RoutingCase", "Rule", "RuleApproval", "RuleCondition",
    "RuleFunction", "RuleImport", "RuleKind", "RuleVersion",
]  # fmt: skip

#: The catch-all's place. The database keeps every other rule before it.
CATCH_ALL_ORDER: Final = 1_000_000


M = TypeVar("M", bound=type[models.Model])


def _tracked(model: M) -> M:
    """Keep who changed what, when, of one configuration table (triggers, so bulk updates and SQL are seen too)."""
    track = pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
    return cast("M", track(model))


class RuleKind(models.TextChoices):
    ADD = "add", "Add, then go on"
    ROUTE = "route", "Route, and stop"


class Need(models.TextChoices):
    REQUIRED = "required", "Must acknowledge"
    INFORMED = "informed", "Is informed"


class Place(models.TextChoices):
    HERE = words.HERE, "This site"
    OTHER_SITE = words.OTHER_SITE, "The other site"


class Mark(models.TextChoices):
    ROOT_CAUSE_REQUIRED = "root_cause_required", "A root cause is required to close"
    GROUP_NOTICES = "group_notices", "Low and normal notices are grouped"
    PARENT = "parent", "It becomes the parent of the units it stops"


_URGENCY_OR_NONE = Q(urgency_floor__in=["", *words.BANDS]) & Q(urgency_cap__in=["", *words.BANDS])


@_tracked
class Ladder(models.Model):
    """An escalation path; its steps name roles, never persons."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


@_tracked
class LadderStep(models.Model):
    """One level: told at `factor` times the acknowledge limit, or at a fixed number of minutes."""

    ladder = models.ForeignKey(Ladder, on_delete=models.CASCADE, related_name="steps")
    level = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    roles = ArrayField(models.CharField(max_length=40, choices=words.ROLE_CHOICES))
    factor = models.DecimalField(
        "× acknowledge limit", max_digits=6, decimal_places=2, null=True, blank=True,
        validators=[MinValueValidator(Decimal(0))],
    )  # fmt: skip
    minutes = models.PositiveIntegerField(
        "or after minutes", null=True, blank=True, help_text="fixed, whatever the limit"
    )
    repeats = models.PositiveSmallIntegerField(
        "told again, times", default=0, help_text="while nobody acknowledges"
    )
    repeat_minutes = models.PositiveSmallIntegerField(
        "every, minutes", default=5, validators=[MinValueValidator(1)]
    )

    channel = models.CharField(
        max_length=10, blank=True, choices=words.CHANNEL_CHOICES, help_text="beside what each person wishes"
    )

    class Meta:
        ordering = ("ladder", "level")
        constraints = [
            models.UniqueConstraint(fields=["ladder", "level"], name="ladder_level_once"),
            models.CheckConstraint(condition=Q(roles__len__gt=0), name="ladder_step_wakes_somebody"),
            models.CheckConstraint(
                condition=Q(factor__isnull=True, minutes__isnull=False)
                | Q(factor__isnull=False, minutes__isnull=True),
                name="ladder_step_one_time",
                violation_error_message="Give either a factor of the acknowledge limit or fixed minutes.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ladder_id} level {self.level}"


@_tracked
@pgtrigger.register(
    pgtrigger.Protect(
        name="catch_all_not_deleted",
        operation=pgtrigger.Delete,
        condition=pgtrigger.Q(old__is_catch_all=True),
    ),
    pgtrigger.Protect(
        name="catch_all_stays_one",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__is_catch_all=True, new__is_catch_all=False),
    ),
)
class Rule(models.Model):
    """One row of the draft, read in `order`. Add rules contribute and go on, the first route rule that matches ends."""

    code = models.SlugField(
        max_length=60, unique=True, help_text="stays the same when the name or the place changes"
    )
    name = models.CharField(max_length=120)
    order = models.PositiveIntegerField(help_text="lower is read first", blank=True)
    kind = models.CharField(max_length=10, choices=RuleKind.choices, default=RuleKind.ROUTE)
    enabled = models.BooleanField(default=True)
    is_catch_all = models.BooleanField(default=False, editable=False)
    owner_function = models.ForeignKey(
        Function, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    owner_role = models.CharField(max_length=40, blank=True, choices=words.ROLE_CHOICES)
    owner_place = models.CharField(max_length=20, choices=Place.choices, default=Place.HERE)
    owner_skill = models.CharField(max_length=40, blank=True, help_text="preferred, for example electrical")
    urgency_floor = models.CharField(max_length=10, blank=True, choices=words.BAND_CHOICES)
    urgency_cap = models.CharField(max_length=10, blank=True, choices=words.BAND_CHOICES)
    ladder = models.ForeignKey(Ladder, null=True, blank=True, on_delete=models.PROTECT, related_name="rules")
    start_level = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="level the owner stands on"
    )
    early_level = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="up to this level, tell no later than"
    )
    early_factor = models.DecimalField(
        max_digits=6, decimal_places=2, default=0, validators=[MinValueValidator(Decimal(0))],
        help_text="times the acknowledge limit; 0 is at once",
    )  # fmt: skip
    acknowledge = models.PositiveIntegerField("acknowledge in (min)", null=True, blank=True)
    decide = models.PositiveIntegerField("decide in (min)", null=True, blank=True)
    resolve = models.PositiveIntegerField("resolve in (min)", null=True, blank=True)
    acknowledge_factor = models.DecimalField(
        max_digits=5, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(Decimal("0.1"))],
        help_text="add rules: multiplies the time to acknowledge, never of a critical case",
    )  # fmt: skip
    to_triage = models.BooleanField(default=False, help_text="a person must sort it first")
    playbook = models.CharField(max_length=40, blank=True, help_text="empty: the type's own")
    proposes_type = models.CharField(max_length=30, blank=True, help_text="another type the owner is offered")
    mark = models.CharField(max_length=30, blank=True, choices=Mark.choices)
    lead_follows = models.BooleanField(
        default=False, help_text="the lead of the owner's function is informed"
    )
    note = models.CharField(max_length=300, blank=True, help_text="shown on the exception")

    class Meta:
        ordering = ("order",)
        constraints = [
            models.UniqueConstraint(
                fields=["order"], name="rule_order_once", deferrable=models.Deferrable.DEFERRED
            ),
            models.UniqueConstraint(
                fields=["is_catch_all"], condition=Q(is_catch_all=True), name="rule_one_catch_all"
            ),
            models.CheckConstraint(
                condition=Q(is_catch_all=True, order=CATCH_ALL_ORDER, enabled=True, kind="route")
                | Q(is_catch_all=False, order__lt=CATCH_ALL_ORDER),
                name="rule_catch_all_is_last_and_on",
                violation_error_message="The catch-all stands last, is a route and can't be switched off.",
            ),
            models.CheckConstraint(condition=Q(kind__in=RuleKind.values), name="rule_kind_known"),
            models.CheckConstraint(condition=_URGENCY_OR_NONE, name="rule_urgency_known"),
            models.CheckConstraint(
                condition=~Q(kind="route") | (Q(owner_function__isnull=False) & ~Q(owner_role="")),
                name="rule_route_has_owner",
                violation_error_message="A route rule names the function and the role that own the case.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        floor, cap = self.urgency_floor, self.urgency_cap
        if floor and cap and words.BAND_RANK[floor] > words.BAND_RANK[cap]:
            raise ValidationError({"urgency_floor": "The floor lies over the cap."})
        if self.kind == RuleKind.ADD and (self.owner_function_id or self.owner_role):
            raise ValidationError({"owner_function": "An add rule names no owner; it only adds and goes on."})


@_tracked
@pgtrigger.register(
    pgtrigger.Trigger(
        name="catch_all_has_no_condition",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        func=(
            "IF EXISTS (SELECT 1 FROM routing_app_rule r WHERE r.id = NEW.rule_id AND r.is_catch_all) THEN "
            "RAISE EXCEPTION 'the catch-all takes no condition'; END IF; RETURN NEW;"
        ),
    )
)
class RuleCondition(models.Model):
    """One condition; all of a rule's must hold. `value` is what the administrator typed, checked against the fact."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="conditions")
    fact = models.CharField(
        max_length=40, choices=[(fact.code, fact.label) for fact in facts.CATALOGUE.values()]
    )
    operator = models.CharField(
        max_length=20, choices=[(code.value, facts.OPERATOR_WORDS[code]) for code in Operator]
    )
    value = models.TextField(blank=True, help_text="several values: commas between them")

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.fact} {self.operator} {self.value}".strip()

    def clean(self) -> None:
        super().clean()
        try:
            read_expected(self.fact, self.operator, self.value or "")
        except ValueError as problem:
            raise ValidationError({"value": str(problem)}) from None


@_tracked
class RuleFunction(models.Model):
    """A function the rule affects, and the duty that answers for it."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="functions")
    function = models.ForeignKey(Function, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40, choices=words.ROLE_CHOICES)
    need = models.CharField(max_length=10, choices=Need.choices, default=Need.REQUIRED)
    place = models.CharField(max_length=20, choices=Place.choices, default=Place.HERE)

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.UniqueConstraint(fields=["rule", "function", "role", "place"], name="rule_function_once"),
        ]

    def __str__(self) -> str:
        return f"{self.function_id} {self.need}"


@_tracked
class ClockLimit(models.Model):
    """The owner's limits in minutes for one type and urgency; type `*` serves every type without its own row."""

    type_code = models.CharField("type", max_length=30, help_text="* is any type")
    urgency = models.CharField(max_length=10, choices=words.BAND_CHOICES)
    acknowledge = models.PositiveIntegerField("acknowledge (min)", validators=[MinValueValidator(1)])
    decide = models.PositiveIntegerField("decide (min)", validators=[MinValueValidator(1)])
    resolve = models.PositiveIntegerField("resolve (min)", validators=[MinValueValidator(1)])
    contain = models.PositiveIntegerField("contain (min)", null=True, blank=True)

    class Meta:
        ordering = ("type_code", "acknowledge")
        constraints = [
            models.UniqueConstraint(fields=["type_code", "urgency"], name="clock_limit_once"),
            models.CheckConstraint(condition=Q(urgency__in=words.BANDS), name="clock_limit_urgency_known"),
            models.CheckConstraint(
                condition=Q(acknowledge__gte=1, acknowledge__lte=F("decide"), decide__lte=F("resolve")),
                name="clock_limit_rises",
                violation_error_message="Acknowledge, decide and resolve must rise in this order.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type_code} {self.urgency}"


@_tracked
class OtherAcknowledgeLimit(models.Model):
    """Minutes in which every other required function acknowledges, per urgency."""

    urgency = models.CharField(max_length=10, choices=words.BAND_CHOICES, unique=True)
    acknowledge = models.PositiveIntegerField("acknowledge (min)", validators=[MinValueValidator(1)])

    class Meta:
        ordering = ("acknowledge",)
        constraints = [
            models.CheckConstraint(condition=Q(urgency__in=words.BANDS), name="other_limit_urgency_known"),
        ]

    def __str__(self) -> str:
        return f"others, {self.urgency}"


@pgtrigger.register(
    pgtrigger.Protect(name="version_unchanged", operation=pgtrigger.Update | pgtrigger.Delete)
)
class RuleVersion(models.Model):
    """A published rule set, whole and unchangeable: rules, ladders and limits as they were."""

    number = models.PositiveIntegerField(unique=True)
    published_at = models.DateTimeField(default=clock.now)
    published_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="rule_versions"
    )
    note = models.CharField(max_length=300, blank=True)
    approved_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="approved_rule_versions"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    restores = models.PositiveIntegerField(
        "goes back to version", null=True, blank=True, help_text="the earlier version it equals"
    )
    edits_upto = models.JSONField(default=dict, editable=False)
    snapshot = models.JSONField()
    digest = models.CharField(max_length=64)
    checks = models.JSONField(default=list, blank=True)
    changes = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"Version {self.number}"


@pgtrigger.register(pgtrigger.Protect(name="case_unchanged", operation=pgtrigger.Update))
class RoutingCase(models.Model):
    """One evaluation: what was known, what came out, and why. A re-evaluation points at the opening it belongs to."""

    version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="cases")
    opening = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reevaluations"
    )
    origin_ref = models.CharField(max_length=80, blank=True, db_index=True)
    created_at = models.DateTimeField(default=clock.now)
    rule_code = models.CharField(max_length=60)
    rule_number = models.PositiveIntegerField()
    urgency = models.CharField(max_length=10, choices=words.BAND_CHOICES)
    facts = models.JSONField()
    outcome = models.JSONField()
    trace = models.JSONField()

    class Meta:
        ordering = ("-pk",)
        indexes = [models.Index(fields=["rule_code", "created_at"], name="routing_case_rule_time")]

    def __str__(self) -> str:
        return f"{self.origin_ref or self.pk}: {self.outcome_summary}"

    @property
    def outcome_summary(self) -> str:
        """Owner and urgency in a few words."""
        outcome: dict[str, Any] = self.outcome
        return f"{outcome.get('owner_function', '')} ({outcome.get('owner_role', '')}), {self.urgency}"
