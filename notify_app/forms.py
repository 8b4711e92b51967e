"""How somebody wants to be told, as a form for people and administrators: plain fields in, values for services out."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from notify_app.manners import OUTWARD, URGENCIES, Manner
from notify_app.services.wishes import FEWEST, MOST

WORDS = {"push": _("Push"), "phone": _("Text message"), "chat": _("Chat"), "email": _("E-mail")}
DAYS = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
OVERRIDES = [
    ("critical", _("only what is critical")), ("high", _("critical and high")), ("normal", _("all but low")),
]  # fmt: skip


class WaysForm(forms.Form):
    """Channels by urgency, their order, what disturbs, and how many come one by one."""

    override = forms.ChoiceField(choices=OVERRIDES, label=_("Disturb me all the same for"), required=False)
    most = forms.IntegerField(
        min_value=FEWEST, max_value=MOST, required=False, label=_("New records in ten minutes, one by one"),
        help_text=_("What comes beyond that and may wait arrives as one message."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for urgency in URGENCIES:
            self.fields[urgency] = forms.MultipleChoiceField(
                choices=[(code, WORDS[code]) for code in OUTWARD], required=False, label=urgency.capitalize(),
                widget=forms.CheckboxSelectMultiple,
            )  # fmt: skip
        for place in range(len(OUTWARD)):
            self.fields[f"order_{place}"] = forms.ChoiceField(
                choices=[(code, WORDS[code]) for code in OUTWARD], required=False, label=f"{place + 1}."
            )

    def values(self) -> dict[str, Any]:
        """What `set_wishes` and `set_default` take."""
        given = self.cleaned_data
        places = [given.get(f"order_{place}") or "" for place in range(len(OUTWARD))]
        return {
            "channels": {urgency: given[urgency] for urgency in URGENCIES},
            "order": list(dict.fromkeys(code for code in places if code)),
            "override": given["override"],
            "most": given["most"],
        }


class WishesForm(WaysForm):
    """A person's own, with do-not-disturb hours."""

    quiet_from = forms.TimeField(
        required=False, label=_("From"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_until = forms.TimeField(
        required=False, label=_("Until"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_days = forms.TypedMultipleChoiceField(
        choices=list(enumerate(DAYS)), coerce=int, required=False, label=_("On the days it begins"),
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip

    def values(self) -> dict[str, Any]:
        quiet = ("quiet_from", "quiet_until", "quiet_days")
        return super().values() | {name: self.cleaned_data[name] for name in quiet}


class AddressForm(forms.Form):
    """A new address. Its URL is typed like a password and never comes back."""

    label = forms.CharField(max_length=60, required=False, label=_("What you call it"))
    url = forms.CharField(
        max_length=1000, label=_("Apprise address"), strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("For example twilio://…, slack://…, tgram://…; one receiver each. It is kept secret."),
    )  # fmt: skip
    channel = forms.ChoiceField(
        choices=[("", _("as the service is")), ("chat", _("Chat")), ("phone", _("Text message or call"))],
        required=False, label=_("Counts as"),
    )  # fmt: skip


def initial_of(manner: Manner) -> dict[str, Any]:
    """The form's values for what holds now."""
    quiet = manner.quiet
    return {
        **{urgency: list(manner.channels.get(urgency, ())) for urgency in URGENCIES},
        **{f"order_{place}": code for place, code in enumerate(manner.order)},
        "override": manner.override,
        "most": manner.most,
        "quiet_from": quiet.begins if quiet else None,
        "quiet_until": quiet.ends if quiet else None,
        "quiet_days": list(quiet.days) if quiet else [],
    }
