"""What the ERP's admin pages share: who may see them, and rows nobody writes by hand."""

from typing import Any

from django.http import HttpRequest

from core.admin import ModelAdmin, ReadOnlyAdmin, TabularInline
from plant_app.models import User
from plant_app.selectors import can


def may_administer(request: HttpRequest) -> bool:
    """Whether somebody may set up ERPs."""
    return can(request.user, "plant.edit")


def person_of(request: HttpRequest) -> User | None:
    """Who asks, for what is kept of it."""
    return request.user if isinstance(request.user, User) else None


class ForAdministrators(ModelAdmin):
    """Pages only an administrator sees."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_administer(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_administer(request)

    has_add_permission = has_view_permission
    has_change_permission = has_view_permission
    has_delete_permission = has_view_permission


class ReadForAdministrators(ReadOnlyAdmin):
    """Pages only an administrator sees, and nobody writes."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_administer(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_administer(request)


class InlineForAdministrators(TabularInline):
    """Rows of such a page."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_administer(request)

    has_add_permission = has_view_permission
    has_change_permission = has_view_permission
    has_delete_permission = has_view_permission


class ReadOnlyInline(TabularInline):
    """Rows nobody writes by hand, seen by whoever may see the page."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission
