"""Talk on an exception's page: what people said, whom they named, photos, and ready-made texts."""

from typing import ClassVar

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from decisions_app.models.decisions import Comment
from exceptions_app.models import Signal
from plant_app.models import ExceptionType, Function


class Mention(models.Model):
    """Somebody named in a comment: a person, or a function."""

    comment = models.ForeignKey(Comment, on_delete=models.PROTECT, related_name="mentions")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    function = models.ForeignKey(Function, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=150, help_text="as it was written, in small letters")

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, function=None) | Q(person=None, function__isnull=False),
                name="mention_of_one",
            ),
            models.UniqueConstraint(fields=["comment", "name"], name="mention_once"),
        ]

    def __str__(self) -> str:
        return f"@{self.name}"


class CommentFiles(models.Model):
    """The photos sent with a comment lie with a signal of their own, in the attachments' usual way."""

    comment = models.OneToOneField(Comment, on_delete=models.PROTECT, related_name="files")
    signal = models.OneToOneField(Signal, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"files of {self.comment}"


@pghistory.track()
class TalkText(models.Model):
    """A text people may begin with; names in braces are filled from the record. Empty lists mean everywhere."""

    name = models.CharField(max_length=60, unique=True)
    text = models.TextField(max_length=1000)
    types = models.ManyToManyField(
        ExceptionType, blank=True, related_name="talk_texts", help_text="of these exceptions; empty: all"
    )
    functions = models.ManyToManyField(
        Function, blank=True, related_name="talk_texts", help_text="offered to people of these; empty: all"
    )
    position = models.PositiveSmallIntegerField(default=0)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("position", "name")

    def __str__(self) -> str:
        return self.name


class SaidComment(Comment):
    """A comment as PostgreSQL keeps it: what was said stays said."""

    class Meta:
        proxy = True
        triggers: ClassVar = [
            pgtrigger.Protect(name="comment_fixed", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
