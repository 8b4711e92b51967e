"""The form of a sender: what every source has, and the settings and keys its adapter asks for, by name.

Keys are never shown again, but those we make for the other system; an empty key field keeps what is stored.
"""

import json
import secrets
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from exceptions_app.channels import webhook
from exceptions_app.channels.adapters import ADAPTERS, adapter_of
from exceptions_app.channels.port import Adapter, Setting
from exceptions_app.models import Source

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Source]
else:
    _ModelForm = forms.ModelForm

CONFIG, SECRET = "config__", "secret__"

_WIDGETS: dict[str, Any] = {
    "code": UnfoldAdminTextInputWidget,
    "name": UnfoldAdminTextInputWidget,
    "site": UnfoldAdminSelectWidget,
    "trusted": UnfoldBooleanSwitchWidget,
    "active": UnfoldBooleanSwitchWidget,
}


def new_key() -> str:
    """A key to paste into another system: 32 characters, as PagerDuty's routing keys have."""
    return secrets.token_hex(16)


class NewSourceForm(_ModelForm):
    """A new sender: what speaks, its name and place. Settings follow on its own page."""

    adapter = forms.ChoiceField(
        choices=lambda: [(one.code, one.name) for one in sorted(ADAPTERS.values(), key=lambda one: one.name)],
        widget=UnfoldAdminSelectWidget,
        help_text="What it speaks. Stations, forms and the API have their sources already.",
    )

    class Meta:
        model = Source
        fields = ("adapter", "code", "name", "site")
        widgets: ClassVar = _WIDGETS

    def save(self, commit: bool = True) -> Source:
        source: Source = super().save(commit=False)
        adapter = ADAPTERS[source.adapter]
        source.channel, source.trusted, source.mapping = (
            adapter.channel,
            adapter.trusted,
            dict(adapter.mapping),
        )
        source.config = {one.name: one.default for one in adapter.settings if one.default not in ("", None)}
        source.secrets = {one.name: new_key() for one in adapter.secrets if one.generated}
        if adapter.code == webhook.ADAPTER.code:
            source.secret = webhook.new_secret()
        if commit:
            source.save()
        return source


class SourceForm(_ModelForm):
    """A sender as it stands. Fields of the adapter are added by `form_for`."""

    class Meta:
        model = Source
        fields = ("name", "site", "trusted", "active")
        widgets: ClassVar = _WIDGETS

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        adapter = adapter_of(self.instance.adapter)
        for one in adapter.secrets if adapter else ():
            if one.required and not found.get(SECRET + one.name) and not self.instance.secrets.get(one.name):
                self.add_error(SECRET + one.name, "This key is needed.")
        return found

    def save(self, commit: bool = True) -> Source:
        source: Source = super().save(commit=False)
        given = self.cleaned_data
        source.config = {
            **source.config,
            **{name[len(CONFIG) :]: value for name, value in given.items() if name.startswith(CONFIG)},
        }
        source.secrets = {
            **source.secrets,
            **{
                name[len(SECRET) :]: value
                for name, value in given.items()
                if name.startswith(SECRET) and value
            },
        }
        if given.get("webhook_secret"):
            source.secret = given["webhook_secret"]
        if commit:
            source.save()
        return source


class _Lines(forms.CharField):
    """One value a line; stored as a list."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]


class _Json(forms.CharField):
    """Any JSON; stored as it is."""

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, indent=2)

    def to_python(self, value: Any) -> Any:
        if not str(value or "").strip():
            return {}
        try:
            return json.loads(value)
        except ValueError as problem:
            raise ValidationError(f"This is no JSON: {problem}.") from None


def form_for(source: Source) -> type[SourceForm]:
    """The form class of one source, with its adapter's fields and their present values."""
    adapter = adapter_of(source.adapter)
    fields: dict[str, Any] = {}
    for one in adapter.settings if adapter else ():
        fields[CONFIG + one.name] = _field(one, source.config.get(one.name, one.default))
    for one in adapter.secrets if adapter else ():
        fields[SECRET + one.name] = _secret(one, str(source.secrets.get(one.name, "")))
    if source.adapter == webhook.ADAPTER.code:
        key = Setting(
            "secret", "Key", help="Shared key of the signature (Standard Webhooks).", generated=True
        )
        fields["webhook_secret"] = _secret(key, source.secret)
    return type("SourceForm", (SourceForm,), fields)


def _field(one: Setting, value: Any) -> forms.Field:
    common: dict[str, Any] = {
        "label": one.label, "required": one.required, "help_text": one.help, "initial": value,
    }  # fmt: skip
    if one.kind == "choice":
        return forms.ChoiceField(choices=one.choices, widget=UnfoldAdminSelectWidget, **common)
    if one.kind == "yes_no":
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **{**common, "required": False})
    if one.kind == "number":
        return forms.FloatField(widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}), **common)
    if one.kind == "lines":
        return _Lines(widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), **common)
    if one.kind == "json":
        return _Json(widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}), **common)
    # An address may be plain HTTP inside the plant and carry a host without a dot.
    checks = [_address] if one.kind == "url" else []
    return forms.CharField(widget=UnfoldAdminTextInputWidget, validators=checks, max_length=500, **common)


def _address(value: str) -> None:
    scheme, _, rest = value.partition("://")
    if scheme not in ("http", "https", "mqtt", "mqtts", "opc.tcp") or not rest.strip("/"):
        raise ValidationError(URLValidator.message)


def _secret(one: Setting, stored: str) -> forms.Field:
    if one.generated:
        return forms.CharField(
            label=one.label, required=False, initial=stored, max_length=200, help_text=one.help,
            widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        )  # fmt: skip
    said = f"{one.help} " if one.help else ""
    said += "A key is stored; leave it empty to keep it." if stored else "No key is stored yet."
    return forms.CharField(
        label=one.label, required=False, max_length=4000, help_text=said, strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip


def field_groups(adapter: Adapter | None) -> list[tuple[str, list[str]]]:
    """(heading, field names) of a source's page, in order."""
    groups = [("", ["name", "site", "trusted", "active"])]
    if adapter is None:
        return groups
    if adapter.settings:
        groups.append((adapter.name, [CONFIG + one.name for one in adapter.settings]))
    keys = [SECRET + one.name for one in adapter.secrets]
    if adapter.code == webhook.ADAPTER.code:
        keys = ["webhook_secret", *keys]
    if keys:
        groups.append(("Keys", keys))
    return groups
