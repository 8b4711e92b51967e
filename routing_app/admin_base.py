"""What every page of the rule configuration shares: administrators only, each save kept with its author, a history.

Must not know single tables.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import pghistory
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from core.admin import ModelAdmin
from routing_app import admin_pages
from routing_app.history import history_of


class AdministratorsOnly:
    """Permission mix-in for admins and inlines of the rule configuration."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return admin_pages.is_administrator(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin_pages.is_administrator(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin_pages.is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin_pages.is_administrator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin_pages.is_administrator(request)


class ConfigAdmin(AdministratorsOnly, ModelAdmin):
    """Base of the configuration tables: every save is recorded with the person who made it."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with pghistory.context(user=request.user.pk, url=request.path):
            return super().changeform_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with pghistory.context(user=request.user.pk, url=request.path):
            return super().changelist_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with pghistory.context(user=request.user.pk, url=request.path):
            return super().delete_view(request, *args, **kwargs)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Who changed this and its parts, read from what the database kept rather than from what forms reported."""
        if not admin_pages.is_administrator(request):
            raise PermissionDenied
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": f"History: {obj}",
            "opts": self.opts,
            "original": obj,
            "entries": history_of(obj),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/routing_app/history.html", context)

    def on_site(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """A page of this admin: signed in, and told which site it is on."""

        @wraps(view)
        def page(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            return view(request, site=self.admin_site, **kwargs)

        return self.admin_site.admin_view(page)
