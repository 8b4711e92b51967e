"""Forms of the admin: one hand laid on a posting, always with a reason."""

import json
from typing import Any

from django import forms

from erp_sync.models import Posting

VERBS = [
    ("approve", "Approve"),
    ("retry", "Send again"),
    ("edit", "Change and send again"),
    ("cancel", "Cancel"),
    ("mark_local", "Settle by hand"),
]


class OperateForm(forms.Form):
    """What to do, why, and for some verbs with what. `version` refuses a posting changed since it was read."""

    verb = forms.ChoiceField(choices=VERBS, widget=forms.RadioSelect)
    reason = forms.CharField(max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 2}))
    erp_number = forms.CharField(
        max_length=80, required=False, label="ERP number", help_text="When settling by hand, if known."
    )
    payload = forms.JSONField(
        widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false", "style": "font-family: monospace"}),
        required=False,
        help_text="Used only by “Change and send again”.",
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, posting: Posting, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {})
        kwargs["initial"] |= {
            "payload": json.dumps(posting.payload, indent=2, ensure_ascii=False),
            "version": posting.version,
        }
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("verb") in ("edit", "cancel", "mark_local") and not cleaned.get("reason", "").strip():
            self.add_error("reason", "Say why: a reason is kept with every change made by hand.")
        if cleaned.get("verb") == "edit" and not isinstance(cleaned.get("payload"), dict):
            self.add_error("payload", "The payload is a JSON object.")
        return cleaned
