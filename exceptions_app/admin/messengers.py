"""Messengers in the admin: whose address it is, edited here; news about messages and what we sent, to read."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from core import clock
from core.admin import ModelAdmin, ReadOnlyAdmin
from exceptions_app.channels.messages import digits
from exceptions_app.models import AddressKind, ChannelUpdate, ContactAddress, SentMessage


class ContactAddressForm(forms.ModelForm):
    """An address as people type it; "verified" is a person's word, so it is a box and not a date."""

    verified = forms.BooleanField(
        required=False, label="Verified",
        help_text="you know that this address is that person's; until then it counts for nothing",
    )  # fmt: skip

    class Meta:
        model = ContactAddress
        fields = ("user", "kind", "address")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["verified"].initial = self.instance.verified_at is not None

    def clean(self) -> dict[str, Any]:
        """Phone numbers are kept as digits with their country code."""
        cleaned: dict[str, Any] = super().clean() or {}
        address = str(cleaned.get("address") or "").strip()
        if cleaned.get("kind") == AddressKind.PHONE:
            address = digits(address)
            if len(address) < 7 or address.startswith("0"):
                self.add_error("address", "Write it with its country code, as in +49 160 5550123.")
        cleaned["address"] = address
        return cleaned


@admin.register(ContactAddress)
class ContactAddressAdmin(ModelAdmin):
    """Who answers to which address, besides the phone number of the login."""

    form = ContactAddressForm
    list_display = ("user", "kind", "address", "verified_at", "verified_by")
    list_filter = ("kind",)
    list_select_related = ("user", "verified_by")
    search_fields = ("address", "user__username", "user__display_name")
    autocomplete_fields = ("user",)

    def save_model(self, request: HttpRequest, obj: ContactAddress, form: Any, change: bool) -> None:
        """Stamp who said so, and when; taking the word back empties both. A changed address is new."""
        believed = bool(form.cleaned_data.get("verified"))
        renewed = bool({"address", "user", "kind", "verified"} & set(form.changed_data))
        if not believed:
            obj.verified_at, obj.verified_by = None, None
        elif renewed or obj.verified_at is None:
            obj.verified_at, obj.verified_by = clock.now(), request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)


@admin.register(ChannelUpdate)
class ChannelUpdateAdmin(ReadOnlyAdmin):
    """Edits, deletions, reactions and receipts, and what each of them did."""

    list_display = ("received_at", "source", "kind", "target", "state", "problem", "outcome")
    list_filter = ("kind", "source")
    list_select_related = ("source",)
    search_fields = ("target", "external_id", "sender")
    date_hierarchy = "received_at"


@admin.register(SentMessage)
class SentMessageAdmin(ReadOnlyAdmin):
    """What we sent about an exception, by the provider's id."""

    list_display = ("at", "exception", "what", "source", "message_id")
    list_filter = ("source", "what")
    list_select_related = ("exception", "source")
    search_fields = ("message_id", "exception__ref")
