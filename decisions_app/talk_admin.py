"""Ready-made texts of the talk in the admin; gaps nobody fills are refused while writing."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from core.admin import ModelAdmin
from decisions_app.models import TalkText
from decisions_app.talk_words import GAPS, unknown_gaps

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[TalkText]
else:
    _ModelForm = forms.ModelForm


class TalkTextForm(_ModelForm):
    """A text; its help names the gaps there are."""

    class Meta:
        model = TalkText
        fields = ("name", "text", "types", "functions", "position", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        gaps = "; ".join(f"{{{name}}} {meaning}" for name, meaning in GAPS.items())
        self.fields["text"].help_text = f"Filled from the record: {gaps}."

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"])
        wrong = unknown_gaps(text)
        if wrong:
            raise ValidationError(f"Nothing fills {', '.join(f'{{{name}}}' for name in wrong)}.")
        return text


@admin.register(TalkText)
class TalkTextAdmin(ModelAdmin):
    """Texts people may begin with, by type and function."""

    form = TalkTextForm
    list_display = ("name", "text", "position", "active")
    list_editable = ("position", "active")
    list_filter = ("active", "types", "functions")
    search_fields = ("name", "text")
    filter_horizontal = ("types", "functions")
