"""How people are told, in the admin: defaults a function, wishes, addresses of people and teams, the push key.

An address's URL is typed in and never shown again. Writes through the services.
"""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin import ModelAdmin, ReadOnlyAdmin
from core.errors import DomainError
from notify_app import manners, services
from notify_app.channels import outside
from notify_app.channels.port import Refusal
from notify_app.forms import WORDS, WaysForm
from notify_app.models import Address, FunctionDefault, Preference, PushKey
from plant_app.models import Team, User

_FIELDS = [
    *manners.URGENCIES,
    *(f"order_{place}" for place in range(len(manners.OUTWARD))),
    "override",
    "most",
]


class FunctionDefaultForm(WaysForm, forms.ModelForm):
    """Channels by urgency as ticks instead of JSON."""

    class Meta:
        model = FunctionDefault
        fields = ("function", "override", "most")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row = self.instance
        layer = {"channels": row.channels, "order": row.order, "override": row.override, "most": row.most}
        manner = manners.merged(layer)
        for urgency in manners.URGENCIES:
            self.fields[urgency].initial = list(manner.channels[urgency])
        for place, code in enumerate(manner.order):
            self.fields[f"order_{place}"].initial = code
        self.initial.setdefault("override", manner.override)

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        if not found.get("critical"):
            self.add_error("critical", "What is critical needs a channel beside the portal.")
        return found


@admin.register(FunctionDefault)
class FunctionDefaultAdmin(ModelAdmin):
    """How the people of a function are told until they say otherwise; the one without a function is for everybody."""

    form = FunctionDefaultForm
    list_display = ("who", *manners.URGENCIES, "override", "most")
    fieldsets = (
        (None, {"fields": ("function",)}),
        ("Told at once, beside the portal", {"fields": manners.URGENCIES}),
        ("What is tried next", {"fields": tuple(f"order_{n}" for n in range(len(manners.OUTWARD)))}),
        ("Limits", {"fields": ("override", "most")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # The declared fields beside the model's are the form's own; Django would look for them in the model.
        return FunctionDefaultForm

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        kept = services.set_default(function=obj.function, **form.values())
        obj.pk, obj._state.adding = kept.pk, False

    @admin.display(description="function")
    def who(self, row: FunctionDefault) -> str:
        return str(row.function or "Everybody else")

    def _words(self, row: FunctionDefault, urgency: str) -> str:
        manner = manners.merged({"channels": row.channels})
        return ", ".join(str(WORDS[code]) for code in manner.channels[urgency]) or "portal only"

    @admin.display(description="critical")
    def critical(self, row: FunctionDefault) -> str:
        return self._words(row, "critical")

    @admin.display(description="high")
    def high(self, row: FunctionDefault) -> str:
        return self._words(row, "high")

    @admin.display(description="normal")
    def normal(self, row: FunctionDefault) -> str:
        return self._words(row, "normal")

    @admin.display(description="low")
    def low(self, row: FunctionDefault) -> str:
        return self._words(row, "low")


@admin.register(Preference)
class PreferenceAdmin(ReadOnlyAdmin):
    """What people said on their own page."""

    list_display = ("user", "quiet_from", "quiet_until", "override", "most", "changed_at")
    search_fields = ("user__username", "user__display_name")


class AddressForm(forms.ModelForm):
    """A new address: the URL goes in here and comes out nowhere."""

    url = forms.CharField(
        label="Apprise address", max_length=1000, widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="For example msteams://…, slack://…, twilio://…; exactly one receiver. Kept secret.",
    )  # fmt: skip

    class Meta:
        model = Address
        fields = ("user", "team", "label", "channel", "least")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["channel"].required = False
        self.fields["label"].required = False
        field = cast("forms.ChoiceField", self.fields["channel"])
        field.choices = [("", "as the service is"), ("chat", "Chat"), ("phone", "Text message or call")]

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        if bool(found.get("user")) == bool(found.get("team")):
            self.add_error("user", "Choose one person or one team.")
        try:
            outside.describe(found.get("url", ""))
        except Refusal as refusal:
            self.add_error("url", str(refusal))
        return found


@admin.register(Address)
class AddressAdmin(ModelAdmin):
    """Where people and teams can be reached beside e-mail, and what the providers last said."""

    list_display = ("label", "whose", "channel", "shown", "accepted", "answer", "answered_at", "gone_at")
    list_filter = ("channel", "accepted", ("gone_at", admin.EmptyFieldListFilter))
    list_select_related = ("user", "team")
    search_fields = ("label", "user__username", "team__name")
    autocomplete_fields = ("user",)
    actions = ("send_tests", "retire")
    _known = (
        "user", "team", "label", "channel", "shown", "least", "created_at", "accepted", "answered_at", "answer",
        "failing_since", "gone_at", "gone_because",
    )  # fmt: skip

    @admin.display(description="of")
    def whose(self, row: Address) -> str:
        return str(row.team or row.user)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj else AddressForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self._known if obj else ("user", "team", "label", "url", "channel", "least")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self._known if obj else ()

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        return ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            return
        given = form.cleaned_data
        kept = services.add_address(
            url=given["url"], label=given["label"], channel=given["channel"], least=given["least"] or "normal",
            user=cast("User | None", given["user"]), team=cast("Team | None", given["team"]), by_administrator=True,
        )  # fmt: skip
        obj.pk, obj._state.adding = kept.pk, False
        for field in Address._meta.concrete_fields:
            setattr(obj, field.attname, getattr(kept, field.attname))

    @admin.action(description="Send a test and show the provider's answer")
    def send_tests(self, request: HttpRequest, rows: QuerySet[Address]) -> None:
        for row in rows.filter(gone_at=None)[:5]:
            try:
                taken, answer = services.send_test_notice(user=cast("User", request.user), address=row)
            except DomainError as error:
                taken, answer = False, error.message
            level = messages.SUCCESS if taken else messages.ERROR
            self.message_user(request, f"{row.label}: {answer}", level=level)

    @admin.action(description="Take out of use")
    def retire(self, request: HttpRequest, rows: QuerySet[Address]) -> None:
        for row in rows:
            services.retire(address_id=row.pk, because=f"taken out of use by {request.user}")
        self.message_user(request, "Taken out of use; the secret is gone.")


@admin.register(PushKey)
class PushKeyAdmin(ReadOnlyAdmin):
    """The key browsers subscribe with; its private half is never shown."""

    list_display = ("created_at", "public")
    fields = ("created_at", "public")
