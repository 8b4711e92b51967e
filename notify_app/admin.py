"""The delivery log in the admin, and people's preferences."""

from django.contrib import admin

from core.admin import ModelAdmin, ReadOnlyAdmin, TabularInline
from notify_app.models import DeliveryAttempt, Notice, Preference


class DeliveryInline(TabularInline):
    """Each try."""

    model = DeliveryAttempt
    fields = ("number", "started_at", "finished_at", "delivered", "permanent", "detail")
    readonly_fields = fields
    can_delete = False


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Who was told what, by which channel, and what came back."""

    list_display = ("subject", "person", "channel", "status", "created_at", "seen_at", "answer")
    list_filter = ("channel", "status")
    search_fields = ("exception__ref", "subject", "person__username")
    inlines = (DeliveryInline,)


@admin.register(Preference)
class PreferenceAdmin(ModelAdmin):
    """Who takes mail for what."""

    list_display = ("user", "urgency", "email")
    list_filter = ("urgency", "email")
