"""Forms of the admin: one hand laid on a posting, on many, or on a finding; with a reason where one is kept."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from erp_sync.models import Posting
from plant_app.models import User

REASON_MISSING = "Say why: a reason is kept with every change made by hand."


class HandForm(forms.Form):
    """What to do, why, and for assigning to whom. `verbs` are those offered, with whether each wants a reason."""

    verb = forms.ChoiceField(widget=forms.RadioSelect)
    reason = forms.CharField(
        max_length=300,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept with the change; needed where the step says so.",
    )
    assignee = forms.ModelChoiceField(
        queryset=User.objects.none(),
        required=False,
        empty_label="nobody",
        widget=UnfoldAdminSelectWidget,
        help_text="Used only by “Assign”.",
    )

    def __init__(
        self,
        *args: Any,
        verbs: Mapping[str, tuple[str, bool]],
        people: QuerySet[User],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.verbs = verbs
        self.fields["verb"].choices = [(name, words) for name, (words, _reason) in verbs.items()]  # type: ignore[attr-defined]
        self.fields["assignee"].queryset = people  # type: ignore[attr-defined]
        if "assign" not in verbs:
            del self.fields["assignee"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        wants = self.verbs.get(cleaned.get("verb", ""), ("", False))[1]
        if wants and not cleaned.get("reason", "").strip():
            self.add_error("reason", REASON_MISSING)
        return cleaned


class FindingForm(HandForm):
    """One finding of a comparison. `version` refuses one changed since it was read."""

    version = forms.IntegerField(widget=forms.HiddenInput)


class Indented(json.JSONEncoder):
    """JSON as people read it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "indent": 2})


class OperateForm(HandForm):
    """One posting: also ERP's number and the payload. `version` refuses one changed since it was read."""

    erp_number = forms.CharField(
        max_length=80,
        required=False,
        label="ERP number",
        widget=UnfoldAdminTextInputWidget,
        help_text="When settling by hand, if known.",
    )
    payload = forms.JSONField(
        encoder=Indented,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 16, "spellcheck": "false"}),
        required=False,
        help_text="Used only by “Change and send again”.",
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, posting: Posting, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {})
        kwargs["initial"] |= {
            "payload": posting.payload,
            "version": posting.version,
            "assignee": posting.assignee_id,
        }
        super().__init__(*args, **kwargs)
        for name, verb in (("payload", "edit"), ("erp_number", "mark_local")):
            if verb not in self.verbs:
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("verb") == "edit" and not isinstance(cleaned.get("payload"), dict):
            self.add_error("payload", "The payload is a JSON object.")
        return cleaned
