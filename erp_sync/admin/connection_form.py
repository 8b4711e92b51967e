"""The form of a connection: what every ERP has, and the settings its connector asks for, by name.

Built from what the connector says of itself. Settings it does not know are kept as they are. A password goes in and
never comes out.
"""

import json
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.timesince import timesince
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from core import clock
from erp_sync import access, services
from erp_sync.adapters import port
from erp_sync.models import ErpConnection, StoredSecret

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[ErpConnection]
else:
    _ModelForm = forms.ModelForm

OPTION = "option__"
PROOFS = {
    "live": "run against the real product in our tests",
    "published": "held against the vendor's published interface files, not yet run live",
    "documented": "built from documentation, not yet run live",
}
SOURCES = (
    ("", "No password"),
    (access.STORED, "Stored here, sealed"),
    ("env", "An environment variable"),
    ("file", "A file"),
    (access.INSTALLATION, "The ERP this installation runs itself"),
)


def kinds_offered() -> list[tuple[str, str]]:
    """Connectors to choose from, each with its honest word."""
    rows = [(kind, port.profile_of(kind)) for kind in port.kinds() if kind != "ledger"]
    return sorted(
        ((kind, f"{profile.label} ({PROOFS[profile.proof]})") for kind, profile in rows),
        key=lambda row: row[1].lower(),
    )


class NewConnectionForm(_ModelForm):
    """A new connection: which ERP, its name. What that kind needs follows on its own page."""

    kind = forms.ChoiceField(
        choices=kinds_offered, widget=UnfoldAdminSelectWidget, label="ERP", help_text="What is connected."
    )

    class Meta:
        model = ErpConnection
        fields = ("kind", "code", "name")
        widgets: ClassVar = {"code": UnfoldAdminTextInputWidget, "name": UnfoldAdminTextInputWidget}

    def save(self, commit: bool = True) -> ErpConnection:
        """It starts switched off: nothing is sent before its page is filled in."""
        connection: ErpConnection = super().save(commit=False)
        profile = port.profile_of(connection.kind)
        connection.enabled = False
        connection.options = {
            one.name: one.default
            for one in profile.options
            if one.default not in ("", None) and one.type != "mapping"
        }
        if commit:
            connection.save()
        return connection


class ConnectionForm(_ModelForm):
    """A connection as it stands. Settings of its connector are added by `form_for`."""

    base_url = forms.CharField(
        label="Address", required=False, max_length=200, widget=UnfoldAdminTextInputWidget
    )
    source = forms.ChoiceField(
        label="Password from", choices=SOURCES, required=False, widget=UnfoldAdminSelectWidget
    )
    source_name = forms.CharField(
        label="Its name or path",
        required=False,
        max_length=190,
        help_text="of the environment variable or file; it is read anew each time",
        widget=UnfoldAdminTextInputWidget(attrs={"spellcheck": "false"}),
    )
    new_password = forms.CharField(
        label="New password",
        required=False,
        strip=False,
        max_length=4000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    further = forms.CharField(
        label="Further settings",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="JSON; settings this version does not know are kept here",
    )

    class Meta:
        model = ErpConnection
        fields = (
            "name", "enabled", "base_url", "database", "username", "parallel", "per_minute", "alarm_count",
            "alarm_after",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connection, profile = self.instance, port.profile_of(self.instance.kind)
        source, _colon, name = connection.password_source.partition(":")
        self.fields["source"].initial, self.fields["source_name"].initial = source, name
        self.fields["new_password"].help_text = password_said(connection)
        known = {one.name for one in profile.options}
        rest = {key: value for key, value in connection.options.items() if key not in known}
        self.fields["further"].initial = json.dumps(rest, indent=2, ensure_ascii=False) if rest else ""
        self.fields["base_url"].help_text = profile.address_help or "empty: this kind needs none"
        self.fields["database"].help_text = profile.database_help

    def _get_validation_exclusions(self) -> set[str]:
        # Addresses inside a plant have hosts without a dot, which the model's own check does not know.
        return {*super()._get_validation_exclusions(), "base_url"}  # type: ignore[misc]

    def clean_base_url(self) -> str:
        value = str(self.cleaned_data["base_url"]).strip()
        scheme, mark, rest = value.partition("://")
        if value and (not mark or scheme not in ("http", "https") or not rest.strip("/")):
            raise ValidationError("An address begins with http:// or https:// and names a host.")
        if "@" in rest.split("/", maxsplit=1)[0]:
            raise ValidationError("A login does not belong into the address; it has fields of its own.")
        return value

    def clean_new_password(self) -> str:
        given = str(self.cleaned_data["new_password"])
        trouble = services.why_not_sealed() if given else ""
        if trouble:
            raise ValidationError(trouble)
        return given

    def clean_further(self) -> dict[str, Any]:
        text = self.cleaned_data["further"].strip()
        try:
            found = json.loads(text) if text else {}
        except ValueError as problem:
            raise ValidationError(f"This is no JSON: {problem}.") from None
        if not isinstance(found, dict):
            raise ValidationError("Settings are a JSON object.")
        secret = next((key for key in found if "password" in key.lower() or "secret" in key.lower()), None)
        if secret is not None:
            raise ValidationError(f"{secret} looks like a secret; enter it as the password instead.")
        return found

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if found.get("source") in ("env", "file") and not found.get("source_name"):
            self.add_error("source_name", "Name the variable or file.")
        stored = StoredSecret.objects.filter(connection=self.instance).exists()
        if found.get("source") == access.STORED and not found.get("new_password") and not stored:
            self.add_error("new_password", "No password is stored yet: enter one.")
        return found

    def save(self, commit: bool = True) -> ErpConnection:
        """Everything but the password, which whoever saves hands to the service that seals it."""
        connection: ErpConnection = super().save(commit=False)
        given = self.cleaned_data
        source, name = given.get("source", ""), given.get("source_name", "")
        if given.get("new_password"):
            source = access.STORED
        connection.password_source = f"{source}:{name}" if source in ("env", "file") else source
        options = {key[len(OPTION) :]: value for key, value in given.items() if key.startswith(OPTION)}
        kept = {key: value for key, value in options.items() if value not in ("", None, {})}
        connection.options = {**given["further"], **kept}
        if commit:
            connection.save()
        return connection


class _Pairs(forms.CharField):
    """Ours to theirs, one a line: `ours = theirs`."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{ours} = {theirs}" for ours, theirs in value.items())
        return value

    def to_python(self, value: Any) -> dict[str, str]:  # type: ignore[override]
        if isinstance(value, dict):
            return value
        found: dict[str, str] = {}
        for line in str(value or "").splitlines():
            ours, mark, theirs = (part.strip() for part in line.partition("="))
            if not line.strip():
                continue
            if not (ours and mark and theirs):
                raise ValidationError(f"“{line.strip()}” is not ours = theirs.")
            found[ours] = theirs
        return found


def form_for(connection: ErpConnection) -> type[ConnectionForm]:
    """The form class of one connection, with its connector's fields and their present values."""
    fields: dict[str, Any] = {
        OPTION + one.name: _field(one, connection.options.get(one.name, one.default))
        for one in port.profile_of(connection.kind).options
    }
    return type("ConnectionForm", (ConnectionForm,), fields)


def field_groups(connection: ErpConnection) -> list[tuple[str, dict[str, Any]]]:
    """(heading, field set) of a connection's page, in order."""
    profile = port.profile_of(connection.kind)
    groups: list[tuple[str, dict[str, Any]]] = [
        ("", {"fields": ["name", "enabled"]}),
        ("Address and login", {"fields": [
            "base_url", ("database", "username"), ("source", "source_name"), "new_password",
        ]}),
        (f"Settings of {profile.label}", {"fields": [*_paired(profile.options), "further"]}),
        ("Pace and alarms", {"fields": [("parallel", "per_minute"), ("alarm_count", "alarm_after")]}),
    ]  # fmt: skip
    return groups


def _paired(options: tuple[port.Option, ...]) -> list[Any]:
    """Names of the settings' fields, short ones side by side; those of several lines alone."""
    lines: list[list[str]] = []
    for one in options:
        alone = one.type == "mapping"
        if alone or not lines or len(lines[-1]) != 1 or lines[-1][0] in _alone(options):
            lines.append([])
        lines[-1].append(OPTION + one.name)
    return [line[0] if len(line) == 1 else tuple(line) for line in lines]


def _alone(options: tuple[port.Option, ...]) -> set[str]:
    return {OPTION + one.name for one in options if one.type == "mapping"}


def password_said(connection: ErpConnection) -> str:
    """When a password was set and by whom; never what it is."""
    secret = StoredSecret.objects.filter(connection=connection).select_related("set_by").first()
    if secret is None:
        return "None is stored yet. It is sealed at once and never shown again."
    who = f" by {secret.set_by}" if secret.set_by is not None else ""
    since = timesince(secret.set_at, clock.now(), depth=1)
    return format_html("Set {} ago{}. Leave it empty to keep it; it is never shown.", since, who)


def _field(one: port.Option, value: Any) -> forms.Field:
    common: dict[str, Any] = {
        "label": one.label, "required": one.required, "help_text": one.help, "initial": value,
    }  # fmt: skip
    if one.choices:
        choices = [(choice, choice or "none") for choice in one.choices]
        if value not in one.choices:
            choices.append((value, str(value)))
        return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget, **common)
    if one.type == "flag":
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **{**common, "required": False})
    if one.type == "number":
        return _Number(widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}), **common)
    if one.type == "mapping":
        common["help_text"] = f"{one.help}; one a line, ours = theirs".lstrip("; ")
        return _Pairs(widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}), **common)
    return forms.CharField(widget=UnfoldAdminTextInputWidget, max_length=500, **common)


class _Number(forms.FloatField):
    """A number; whole ones stay whole."""

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        return int(found) if found is not None and float(found).is_integer() else found
