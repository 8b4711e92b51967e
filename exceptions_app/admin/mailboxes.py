"""Mailboxes in the admin: where each stands and what went wrong. Nothing is edited; settings are the source's."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from exceptions_app.models import Mailbox


@admin.register(Mailbox)
class MailboxAdmin(ReadOnlyAdmin):
    """How far each mailbox is read, when it is looked into next, and the server's last complaint."""

    list_display = ("source", "read_at", "due_at", "stored", "oversized", "attempts", "error", "warning")
    list_select_related = ("source",)
    list_filter = ("source__site",)
    search_fields = ("source__code", "source__name", "error")
