"""Exceptions and signals in the admin: everything can be read, nothing is edited; that is what the portal is for."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.admin import ReadOnlyAdmin, TabularInline
from exceptions_app.models import (
    ExceptionEvent,
    ExceptionRecord,
    Interpretation,
    Response,
    Signal,
    SignalReading,
    Telling,
)


class ReadOnlyInline(TabularInline):
    """Rows to look at inside another object's page."""

    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ResponseInline(ReadOnlyInline):
    model = Response
    fields = (
        "function",
        "site",
        "role",
        "person",
        "required",
        "is_owner",
        "status",
        "acknowledge_due_at",
        "level",
    )


class EventInline(ReadOnlyInline):
    model = ExceptionEvent
    fields = ("at", "kind", "actor", "actor_text", "via", "text")
    show_change_link = False


class TellingInline(ReadOnlyInline):
    model = Telling
    fields = ("due_at", "reason", "level", "role", "person", "taken_at", "dropped")
    show_change_link = False


@admin.register(ExceptionRecord)
class ExceptionAdmin(ReadOnlyAdmin):
    """Records as they stand, with their story."""

    list_display = ("ref", "title", "status", "urgency", "site", "owner_function", "owner", "captured_at")
    list_filter = ("status", "urgency", "type", "site")
    search_fields = ("ref", "title", "work_order__number")
    list_select_related = ("site", "owner_function", "owner")
    date_hierarchy = "captured_at"
    inlines = (ResponseInline, TellingInline, EventInline)


class InterpretationInline(ReadOnlyInline):
    model = Interpretation
    fields = (
        "created_at",
        "type_code",
        "intent",
        "confidence",
        "needs_triage",
        "triage_reasons",
        "pipeline_version",
    )
    show_change_link = False


class ReadingInline(ReadOnlyInline):
    model = SignalReading
    fields = ("status", "attempts", "error", "due_at", "read_at", "outcome", "exception")
    show_change_link = False


@admin.register(Signal)
class SignalAdmin(ReadOnlyAdmin):
    """What came in, as it came, and what was read in it."""

    list_display = ("received_at", "source", "external_id", "channel", "site", "reporter", "short_text")
    list_filter = ("channel", "source", "reading__status", "reading__outcome")
    search_fields = ("external_id", "text")
    list_select_related = ("source", "site", "reporter")
    date_hierarchy = "received_at"
    inlines = (ReadingInline, InterpretationInline)

    @admin.display(description="text")
    def short_text(self, signal: Signal) -> str:
        return signal.text[:80]
