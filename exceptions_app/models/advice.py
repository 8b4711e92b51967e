"""The language model an administrator may have set up, and what it was asked and said. Off unless switched on."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models.signals import Signal
from plant_app.models import Site


class AnswerFormat(models.TextChoices):
    """How the server is told what to answer."""

    JSON_SCHEMA = "json_schema", "by a JSON schema it enforces"
    JSON_OBJECT = "json_object", "any JSON; the schema is described in words"


class LanguageModel(models.Model):
    """A server that speaks chat completions. One for all sites (no site), or a site's own instead.

    `url` is the address up to and without `/chat/completions`. What is sent: the message's text and the names it may
    choose from; nothing about people.
    """

    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="language_models"
    )
    active = models.BooleanField(default=False)
    url = models.CharField(max_length=300, help_text="for example http://model-server.plant.example:8000/v1")
    model = models.CharField(max_length=100, help_text="the model's name on that server")
    key = models.CharField(max_length=300, blank=True, help_text="sent as bearer token")
    answer_format = models.CharField(
        max_length=12, choices=AnswerFormat.choices, default=AnswerFormat.JSON_SCHEMA
    )
    below = models.FloatField(
        default=0.8, validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="asked about readings less sure than this",
    )  # fmt: skip
    timeout_seconds = models.PositiveSmallIntegerField(
        default=20, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    most_a_day = models.PositiveIntegerField(default=500, help_text="questions a day, all channels together")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site"], name="one_language_model_per_site", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(answer_format__in=AnswerFormat.values), name="answer_format_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} for {self.site or 'all sites'}"


class AdviceStatus(models.TextChoices):
    """What became of a question."""

    WAITING = "waiting", "Waiting to be asked"
    GIVEN = "given", "Advice given"
    REFUSED = "refused", "The answer does not count"
    FAILED = "failed", "No answer"


class ReadingAdvice(models.Model):
    """One question about one signal, and the answer that counts. A suggestion; who sorts the item decides."""

    signal = models.OneToOneField(Signal, on_delete=models.PROTECT, related_name="advice")
    language_model = models.ForeignKey(
        LanguageModel, null=True, on_delete=models.SET_NULL, related_name="advices"
    )
    status = models.CharField(max_length=8, choices=AdviceStatus.choices, default=AdviceStatus.WAITING)
    asked_of = models.CharField(max_length=100, blank=True, help_text="model that answered")
    verdict = models.CharField(max_length=8, blank=True)
    type_code = models.CharField(max_length=30, blank=True)
    words = models.CharField(max_length=200, blank=True)
    links = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=clock.now)
    created_at = models.DateTimeField(default=clock.now)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name_plural = "reading advice"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=AdviceStatus.values), name="advice_status_known")
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(status="waiting"), name="advice_due")]

    def __str__(self) -> str:
        return f"{self.signal}: {self.get_status_display()}"
