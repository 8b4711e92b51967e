"""How postings go and what raises an alarm, in the admin; and passwords, which go in and never come out."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timesince import timesince
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from core import clock
from erp_sync import services
from erp_sync.admin.base import ForAdministrators, ReadForAdministrators, person_of
from erp_sync.models import ErpConnection, OutboxAlarm, PostingPolicy, StoredSecret
from plant_app.models import AccessRole

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[StoredSecret]
    _PolicyForm = forms.ModelForm[PostingPolicy]
else:
    _ModelForm = _PolicyForm = forms.ModelForm


class PolicyForm(_PolicyForm):
    """One rule; the role that approves is chosen among those there are."""

    approver_role = forms.ChoiceField(
        required=False,
        choices=lambda: [("", "Whoever may approve postings"), *AccessRole.choices],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = PostingPolicy
        fields = (
            "connection", "site", "kind", "mode", "buffer_minutes", "value_limit", "quantity_limit", "approver_role",
            "second_person",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        connection, site = found.get("connection"), found.get("site")
        if connection is not None and site is not None and not connection.sites.filter(pk=site.pk).exists():
            self.add_error("site", f"{connection} does not serve {site}.")
        for name in ("value_limit", "quantity_limit"):
            if found.get(name) is not None and found[name] < 0:
                self.add_error(name, "A limit is not below zero.")
        if found.get("buffer_minutes") == 0:
            self.add_error("buffer_minutes", "At least one minute.")
        return found


@admin.register(PostingPolicy)
class PostingPolicyAdmin(ForAdministrators):
    """How each kind of posting goes, and up to which value by itself. The narrowest rule counts."""

    form = PolicyForm
    list_display = (
        "connection",
        "kind_or_all",
        "site_or_all",
        "mode",
        "value_limit",
        "quantity_limit",
        "approver_role",
    )
    list_filter = ("connection", "mode", "site", "kind")
    list_select_related = ("connection", "site")
    fieldsets = (
        ("For", {"fields": ("connection", "kind", "site")}),
        ("How they go", {"fields": ("mode", "buffer_minutes")}),
        (
            "Limits and approval",
            {"fields": ("value_limit", "quantity_limit", "approver_role", "second_person")},
        ),
    )

    @admin.display(description="Kind", ordering="kind")
    def kind_or_all(self, policy: PostingPolicy) -> str:
        return policy.get_kind_display() if policy.kind else "every kind"

    @admin.display(description="Site", ordering="site")
    def site_or_all(self, policy: PostingPolicy) -> str:
        return str(policy.site) if policy.site is not None else "every site"


@admin.register(OutboxAlarm)
class OutboxAlarmAdmin(ReadForAdministrators):
    """Limits of connections that were passed."""

    list_display = ("connection", "site", "kind", "raised_at", "count", "oldest_at", "told_at", "cleared_at")
    list_filter = ("connection", "kind", "site")
    list_select_related = ("connection", "site")


class SecretForm(_ModelForm):
    """A password, on its way in."""

    connection = forms.ModelChoiceField(
        ErpConnection.objects.filter(is_ledger=False), widget=UnfoldAdminSelectWidget
    )
    password = forms.CharField(
        strip=False, max_length=4000, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Sealed at once; it is never shown again.",
    )  # fmt: skip

    class Meta:
        model = StoredSecret
        fields = ("connection",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.fields["connection"].disabled = True

    def clean_password(self) -> str:
        trouble = services.why_not_sealed()
        if trouble:
            raise forms.ValidationError(trouble)
        return str(self.cleaned_data["password"])

    def validate_unique(self) -> None:
        """A second password for a connection takes the place of the first."""


@admin.register(StoredSecret)
class StoredSecretAdmin(ForAdministrators):
    """Passwords stored here. They can be set and forgotten, and used by the connector; nobody can read them."""

    form = SecretForm
    list_display = ("connection", "set_when", "set_by", "opens")
    list_select_related = ("connection", "set_by")

    def get_fieldsets(self, request: HttpRequest, obj: StoredSecret | None = None) -> Any:
        return ((None, {"fields": ("connection", "password")}),)

    def save_model(self, request: HttpRequest, obj: StoredSecret, form: Any, change: bool) -> None:
        stored = services.store_secret(
            connection=form.cleaned_data["connection"],
            secret=form.cleaned_data["password"],
            actor=person_of(request),
        )
        obj.pk = stored.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: StoredSecret) -> None:
        services.forget_secret(connection=obj.connection)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[StoredSecret]) -> None:
        for secret in queryset.select_related("connection"):
            services.forget_secret(connection=secret.connection)

    @admin.display(description="Set", ordering="set_at")
    def set_when(self, secret: StoredSecret) -> str:
        return f"{timesince(secret.set_at, clock.now(), depth=1)} ago"

    @admin.display(description="Opens", boolean=True)
    def opens(self, secret: StoredSecret) -> bool:
        return services.secret_opens(connection=secret.connection)
