"""Webhook endpoints in the admin: address, key, what they hear; their delivery log, and sending again."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from core import clock
from core.admin import ModelAdmin, ReadOnlyAdmin, TabularInline
from core.errors import DomainError
from notify_app import services
from notify_app.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookStatus
from notify_app.webhooks import message
from notify_app.webhooks.targets import TargetRefused, check, networks, parts

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[WebhookEndpoint]
else:
    _ModelForm = forms.ModelForm


class EndpointForm(_ModelForm):
    """An endpoint. A changed key replaces the old one with an overlap; an empty list of events means all."""

    kinds = forms.MultipleChoiceField(
        label="Events", required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget,
        choices=[(kind.value, f"{kind.label} ({message.type_of(kind.value)})") for kind in message.PUBLISHED],
        help_text="Without any: all of them.",
    )  # fmt: skip

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "url", "secret", "sites", "types", "kinds", "active")

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        try:
            scheme, host, _ = parts(url)
            check(host, encrypted=scheme == "https", allowed=networks(settings.WEBHOOK_PRIVATE_NETWORKS))
        except TargetRefused as error:
            raise ValidationError(str(error)) from None
        except ValueError:
            return url  # a name, no number: where it leads is judged at every try
        return url

    def clean_secret(self) -> str:
        secret = str(self.cleaned_data["secret"]).strip()
        fault = message.secret_fault(secret)
        if fault:
            raise ValidationError(fault)
        return secret


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ModelAdmin):
    """Who hears what happens. The key is shown, since it is made here and typed in at the receiver."""

    form = EndpointForm
    list_display = ("name", "url", "active", "waiting", "given_up", "failing_since", "disabled_why")
    list_filter = ("active", "sites")
    search_fields = ("name", "url")
    filter_horizontal = ("sites", "types")
    readonly_fields = ("previous_until", "failing_since", "quiet_until", "disabled_at", "disabled_why")
    fieldsets = (
        (None, {"fields": ("name", "url", "secret", "active")}),
        ("What it hears", {"fields": ("sites", "types", "kinds")}),
        ("How it is doing", {"fields": readonly_fields}),
    )
    actions = ("test", "rotate", "on", "again_day", "again_all")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        found: QuerySet[WebhookEndpoint] = super().get_queryset(request)
        return found.annotate(
            waits=Count("deliveries", filter=Q(deliveries__status__in=("queued", "sending"))),
            dead=Count("deliveries", filter=Q(deliveries__status="dead")),
        )

    @admin.display(description="waiting", ordering="waits")
    def waiting(self, endpoint: WebhookEndpoint) -> int:
        return int(getattr(endpoint, "waits", 0))

    @admin.display(description="given up", ordering="dead")
    def given_up(self, endpoint: WebhookEndpoint) -> int:
        return int(getattr(endpoint, "dead", 0))

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        if change and "secret" in form.changed_data:
            fresh, obj.secret = obj.secret, form.initial["secret"]
            services.rotate_secret(endpoint_id=obj.pk, secret=fresh)
            obj.refresh_from_db(fields=["secret", "previous_secret", "previous_until"])
            messages.info(request, "Until tomorrow messages carry signatures of both keys.")
        super().save_model(request, obj, form, change)
        if change and obj.active and obj.disabled_at is not None:
            services.switch_on(endpoint_id=obj.pk)

    @admin.action(description="Send a test message", permissions=["change"])
    def test(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in chosen:
            try:
                delivery = services.send_test(endpoint_id=endpoint.pk)
            except DomainError as error:
                messages.error(request, f"{endpoint}: {error.message}")
            else:
                messages.success(
                    request, f"{endpoint}: {delivery.message_id} is on its way; see webhook deliveries."
                )

    @admin.action(description="Replace the key (the old one signs along for a day)", permissions=["change"])
    def rotate(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in chosen:
            services.rotate_secret(endpoint_id=endpoint.pk)
            messages.success(request, f"{endpoint}: the new key is on its page; type it in at the receiver.")

    @admin.action(description="Switch on", permissions=["change"])
    def on(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in chosen:
            services.switch_on(endpoint_id=endpoint.pk)
            messages.success(request, f"{endpoint} is on.")

    @admin.action(description="Send what was given up in the last day again", permissions=["change"])
    def again_day(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        self._again(request, chosen, timedelta(days=1))

    @admin.action(description="Send what was given up in the last 30 days again", permissions=["change"])
    def again_all(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        self._again(request, chosen, timedelta(days=30))

    def _again(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint], back: timedelta) -> None:
        for endpoint in chosen:
            count = services.replay_failed(
                endpoint_id=endpoint.pk, since=clock.now() - back, actor=request.user  # type: ignore[arg-type]
            )  # fmt: skip
            messages.success(request, f"{endpoint}: {count} messages are sent again, with their ids.")


class AttemptInline(TabularInline):
    """Each try, and what the receiver said."""

    model = WebhookAttempt
    fields = ("number", "started_at", "finished_at", "status_code", "accepted", "problem", "excerpt")
    readonly_fields = fields
    can_delete = False


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """The delivery log. A settled message can be sent again; it keeps its id and its text."""

    list_display = ("created_at", "endpoint", "type", "exception", "status", "attempts", "due_at", "error")
    list_filter = ("status", "endpoint", "type")
    list_select_related = ("endpoint", "exception")
    search_fields = ("message_id", "exception__ref")
    date_hierarchy = "created_at"
    inlines = (AttemptInline,)
    actions: ClassVar = ["again"]

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("notify_app.change_webhookendpoint"))

    @admin.action(description="Send again", permissions=["replay"])
    def again(self, request: HttpRequest, chosen: QuerySet[WebhookDelivery]) -> None:
        sent = 0
        for delivery in chosen.order_by("pk"):
            try:
                services.replay(delivery_id=delivery.pk, actor=request.user)  # type: ignore[arg-type]
            except DomainError as error:
                messages.error(request, f"{delivery.message_id}: {error.message}")
            else:
                sent += delivery.status in (WebhookStatus.DEAD, WebhookStatus.DELIVERED)
        messages.success(request, f"{sent} messages are sent again.")
