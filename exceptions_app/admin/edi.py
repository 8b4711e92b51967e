"""EDI in the admin: what came, what we sent, and sending again. Everything can be read, nothing is edited."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin
from core.errors import DomainError
from exceptions_app import services
from exceptions_app.models import EdiDocument, EdiInterchange


@admin.register(EdiDocument)
class EdiDocumentAdmin(ReadOnlyAdmin):
    """Documents we send: 997, CONTRL, 855, 865, ORDRSP."""

    list_display = (
        "created_at",
        "kind",
        "partner",
        "number",
        "about",
        "summary",
        "state",
        "sent_at",
        "sends",
    )
    list_filter = ("state", "kind", "source", "partner")
    search_fields = ("partner", "about", "control", "body")
    list_select_related = ("source",)
    date_hierarchy = "created_at"
    actions = ("send_again",)
    readonly_fields = ("text",)
    fields = (
        "source", "kind", "partner", "control", "about", "summary", "interchange", "exception", "state", "due_at",
        "attempts", "error", "sent_at", "sent_to", "sends", "acknowledged_at", "resent_by", "text",
    )  # fmt: skip

    @admin.display(description="control number", ordering="control")
    def number(self, document: EdiDocument) -> str:
        return document.number

    @admin.display(description="text")
    def text(self, document: EdiDocument) -> SafeString:
        return format_html("<pre>{}</pre>", document.body)

    @admin.action(description="Send again, under the same control number")
    def send_again(self, request: HttpRequest, chosen: QuerySet[EdiDocument]) -> None:
        sent = 0
        for document in chosen.order_by("pk")[:100]:
            try:
                services.resend_edi(document_id=document.pk, actor=request.user)  # type: ignore[arg-type]
            except DomainError as refusal:
                messages.error(request, f"{document}: {refusal.message} {refusal.hint}".strip())
                continue
            sent += 1
        if sent:
            messages.success(request, f"{sent} to be sent again.")


@admin.register(EdiInterchange)
class EdiInterchangeAdmin(ReadOnlyAdmin):
    """Interchanges that came, with what was wrong with them."""

    list_display = ("received_at", "partner", "control", "syntax", "via", "name", "taken", "refused")
    list_filter = ("source", "syntax", "via", "partner")
    search_fields = ("partner", "control", "name")
    list_select_related = ("source",)
    date_hierarchy = "received_at"
    actions = ("read_again",)
    readonly_fields = ("wrong",)
    fields = (
        "source", "partner", "control", "syntax", "via", "name", "received_at", "taken", "refused", "digest", "wrong",
    )  # fmt: skip

    @admin.display(description="what was wrong")
    def wrong(self, row: EdiInterchange) -> Any:
        lines = [
            f"{one['code']}: {one['message']}"
            + (f" Segment {one['segment']}: {one['text']}" if one.get("segment") else "")
            for one in row.faults
        ]
        return format_html("<pre>{}</pre>", "\n".join(lines)) if lines else "Nothing."

    @admin.action(description="Read again what still waits in triage (after a partner was set up)")
    def read_again(self, request: HttpRequest, chosen: QuerySet[EdiInterchange]) -> None:
        read = 0
        for row in chosen.order_by("pk")[:100]:
            try:
                read += services.read_edi_again(interchange_id=row.pk, actor=request.user)  # type: ignore[arg-type]
            except DomainError as refusal:
                messages.error(request, f"{row}: {refusal.message} {refusal.hint}".strip())
        messages.success(request, f"{read} messages are read again.")
