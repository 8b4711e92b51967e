"""The exception catalogue: types with form, reasons and affected functions."""

from typing import Any

from django import forms
from django.contrib import admin

from core.admin import ModelAdmin, TabularInline
from plant_app import forms_schema, models


class TypeForm(forms.ModelForm):
    """Refuses a capture form nobody could fill in."""

    class Meta:
        model = models.ExceptionType
        fields = (
            "code", "name", "icon", "default_severity", "owner_function", "triage_role", "form", "reopen_minutes",
            "lapse_minutes", "is_full_pack", "active", "position",
        )  # fmt: skip

    def clean_form(self) -> Any:
        form = self.cleaned_data["form"]
        found = forms_schema.problems(form)
        if found:
            raise forms.ValidationError(found)
        return form


class TypeFunctionInline(TabularInline):
    model = models.TypeFunction
    fields = ("function", "required", "lapse_minutes")


class ReasonInline(TabularInline):
    model = models.ReasonCode
    fields = ("code", "name", "quick", "active", "position")


@admin.register(models.ExceptionType)
class ExceptionTypeAdmin(ModelAdmin):
    form = TypeForm
    list_display = (
        "name",
        "code",
        "default_severity",
        "owner_function",
        "is_full_pack",
        "active",
        "position",
    )
    list_filter = ("active", "is_full_pack", "owner_function")
    list_select_related = ("owner_function",)
    search_fields = ("code", "name")
    inlines = (TypeFunctionInline, ReasonInline)


@admin.register(models.ReasonCode)
class ReasonCodeAdmin(ModelAdmin):
    list_display = ("code", "name", "type", "quick", "active")
    list_filter = ("type", "quick", "active")
    list_select_related = ("type",)
    search_fields = ("code", "name")
