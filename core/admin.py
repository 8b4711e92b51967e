"""The admin theme behind one alias, so that leaving it costs one file; and the heartbeat list."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin as ThemedModelAdmin
from unfold.admin import StackedInline as ThemedStackedInline
from unfold.admin import TabularInline as ThemedTabularInline

from core.models import Heartbeat


class ModelAdmin(ThemedModelAdmin):  # type: ignore[misc]
    """Base of every admin page of the product."""

    list_per_page = 50
    compressed_fields = True
    warn_unsaved_form = True


class TabularInline(ThemedTabularInline):  # type: ignore[misc]
    """Rows inside another object's page."""

    extra = 0


class StackedInline(ThemedStackedInline):  # type: ignore[misc]
    """Blocks inside another object's page."""

    extra = 0


class ReadOnlyAdmin(ModelAdmin):
    """For tables only services write: everything can be read here, nothing changed."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """What runs, and since when it has been silent."""

    list_display = ("name", "at", "detail")
