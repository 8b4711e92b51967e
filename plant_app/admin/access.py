"""Access: grants, tokens, devices, badges. A secret is shown once or never; what it opens is ended, not edited."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin import ModelAdmin, ReadOnlyAdmin
from plant_app import models
from plant_app.services import access


@admin.register(models.AccessGrant)
class AccessGrantAdmin(ModelAdmin):
    list_display = ("user", "role", "site")
    list_filter = ("site", "role")
    list_select_related = ("user", "site")
    search_fields = ("user__username", "user__display_name")
    autocomplete_fields = ("user",)


@admin.register(models.ApiToken)
class ApiTokenAdmin(ModelAdmin):
    """Adding one shows its secret once."""

    list_display = ("name", "user", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("revoked_at", "user")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    autocomplete_fields = ("user",)
    fields = ("user", "name", "expires_at")
    actions = ("revoke",)

    def save_model(self, request: HttpRequest, obj: models.ApiToken, form: object, change: bool) -> None:
        token, secret = access.issue_token(user=obj.user, name=obj.name, expires_at=obj.expires_at)
        obj.pk = token.pk
        obj.digest = token.digest
        self.message_user(
            request, f"The token is {secret} and is shown this once. Keep it now.", level=messages.WARNING
        )

    def has_change_permission(self, request: HttpRequest, obj: models.ApiToken | None = None) -> bool:
        return False if obj is not None else super().has_change_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: models.ApiToken | None = None) -> bool:
        return bool(super().has_view_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: models.ApiToken | None = None) -> bool:
        return False

    @admin.action(description="End the selected tokens", permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[models.ApiToken]) -> None:
        for token in queryset:
            access.revoke_token(token=token)


@admin.register(models.Device)
class DeviceAdmin(ReadOnlyAdmin):
    """Paired tablets; pairing itself happens at the tablet."""

    list_display = ("name", "site", "area", "work_centre", "last_seen_at", "revoked_at")
    list_filter = ("site", "area")
    list_select_related = ("site", "area", "work_centre")
    search_fields = ("name",)
    actions = ("unpair",)

    @admin.action(description="Unpair the selected devices", permissions=["view"])
    def unpair(self, request: HttpRequest, queryset: QuerySet[models.Device]) -> None:
        if not request.user.has_perm("plant_app.change_device"):
            self.message_user(request, "You may look at devices only.", level=messages.ERROR)
            return
        for device in queryset:
            access.revoke_device(device=device)


@admin.register(models.Badge)
class BadgeAdmin(ReadOnlyAdmin):
    list_display = ("person", "created_at", "revoked_at")
    list_select_related = ("person",)
    search_fields = ("person__username", "person__display_name")


@admin.register(models.IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    list_display = ("scope", "key", "status", "created_at")
    search_fields = ("scope", "key")
    date_hierarchy = "created_at"
