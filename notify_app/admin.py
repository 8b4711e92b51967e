"""The delivery logs in the admin, of notices and of replies to reporters; and people's preferences."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin, TabularInline
from notify_app import drill_admin, way_admin, webhook_admin  # noqa: F401 - register their pages
from notify_app.models import AlarmNotice, DeliveryAttempt, Notice, ReplyAttempt, ReplyThread, ReporterReply


class DeliveryInline(TabularInline):
    """Each try."""

    model = DeliveryAttempt
    fields = ("number", "started_at", "finished_at", "delivered", "permanent", "detail")
    readonly_fields = fields
    can_delete = False


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Who was told what, by which channel, and what came back."""

    list_display = (
        "subject", "person", "channel", "address", "status", "held_for", "error", "created_at", "seen_at", "answer",
    )  # fmt: skip
    list_filter = ("channel", "status")
    list_select_related = ("person", "address")
    date_hierarchy = "created_at"
    search_fields = ("exception__ref", "subject", "person__username")
    inlines = (DeliveryInline,)


@admin.register(AlarmNotice)
class AlarmNoticeAdmin(ReadOnlyAdmin):
    """Who was told of which alarm of the outbox, by which channel, and what came back."""

    list_display = ("created_at", "subject", "role", "person", "channel", "status", "detail", "sent_at")
    list_filter = ("channel", "status", "alarm__kind")
    list_select_related = ("person",)
    date_hierarchy = "created_at"
    search_fields = ("subject", "person__username", "alarm__connection__code")


class ReplyAttemptInline(TabularInline):
    """Each try, and what the provider reported later."""

    model = ReplyAttempt
    fields = ("number", "started_at", "finished_at", "delivered", "permanent", "detail")
    readonly_fields = fields
    can_delete = False


@admin.register(ReporterReply)
class ReporterReplyAdmin(ReadOnlyAdmin):
    """What reporters were told, on the channel they used, and why where they were not."""

    list_display = ("created_at", "exception", "what", "body", "status", "why", "sent_at", "delivered_at")
    list_filter = ("status", "what", "thread__signal__source")
    list_select_related = ("exception",)
    search_fields = ("exception__ref", "body", "provider_id", "thread__place")
    date_hierarchy = "created_at"
    inlines = (ReplyAttemptInline,)


@admin.register(ReplyThread)
class ReplyThreadAdmin(ReadOnlyAdmin):
    """Who is kept informed about what; where somebody is not, why."""

    list_display = ("created_at", "exception", "place", "language", "silent")
    list_select_related = ("exception",)
    search_fields = ("exception__ref", "place")
    date_hierarchy = "created_at"
