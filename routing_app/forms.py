"""Forms of the rule editor: conditions, ladder steps, and the test box with one field per fact.

Must not write; the admin saves drafts, the services do the rest.
"""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from routing_app import facts as catalogue
from routing_app import words
from routing_app.facts import Fact, Kind
from routing_app.models import LadderStep, Rule, RuleCondition
from routing_app.selectors import choices_of

_YES_NO = [("", "unknown"), ("yes", "yes"), ("no", "no")]


class RuleConditionForm(forms.ModelForm):
    """One line to type the value in; the model checks it against the fact."""

    class Meta:
        model = RuleCondition
        fields = ("fact", "operator", "value")
        widgets = {"value": UnfoldAdminTextInputWidget}


class RuleForm(forms.ModelForm):
    """Types and playbooks are chosen from the plant's own; whatever a rule holds already can be kept."""

    class Meta:
        model = Rule
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets name what is shown

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, empty in (("playbook", "the type's own"), ("proposes_type", "none")):
            field = self.fields.get(name)
            if field is None:
                continue
            found = choices_of("types")
            now = getattr(self.instance, name)
            if now and now not in dict(found):
                found = [*found, (now, f"{now} (unknown here)")]
            self.fields[name] = forms.ChoiceField(
                choices=[("", empty), *found],
                required=False,
                label=field.label,
                help_text=field.help_text,
                widget=UnfoldAdminSelectWidget,
            )


class LadderStepForm(forms.ModelForm):
    """Roles are chosen from the known duties."""

    roles = forms.MultipleChoiceField(
        choices=words.ROLE_CHOICES,
        widget=UnfoldAdminSelectMultipleWidget(attrs={"size": 4, "data-picks": "roles"}),
    )

    class Meta:
        model = LadderStep
        fields = ("level", "roles", "factor", "minutes", "repeats", "repeat_minutes", "channel")


def options_of(fact: Fact) -> list[tuple[str, str]]:
    """Codes a person may choose from for a fact: the plant's own list, else the fixed one."""
    found = choices_of(fact.source) if fact.source else []
    return found or list(fact.choices)


def operator_table() -> dict[str, Any]:
    """For the condition rows of the editor: which operators and which codes each fact takes."""
    facts = catalogue.CATALOGUE.values()
    return {
        "operators": {
            "operators": {fact.code: [str(one) for one in fact.operators] for fact in facts},
            "withoutValue": [str(one) for one in sorted(catalogue.WITHOUT_VALUE)],
            "choices": {fact.code: found for fact in facts if (found := options_of(fact))},
            "numbers": [fact.code for fact in facts if fact.kind in catalogue.NUMERIC],
            "units": {fact.code: fact.unit for fact in facts if fact.unit},
            "helps": {fact.code: fact.help for fact in facts if fact.help},
        },
    }


class TryForm(forms.Form):
    """Facts as typed; everything may stay empty, which is unknown."""

    rules = forms.ChoiceField(
        choices=[("draft", "the draft"), ("published", "the published version")],
        widget=UnfoldAdminSelectWidget,
        required=False,
        initial="draft",
        label="Try with",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lists: dict[str, list[tuple[str, str]]] = {}
        for fact in catalogue.CATALOGUE.values():
            self.fields[fact.code] = self._field(fact)

    def _field(self, fact: Fact) -> forms.Field:
        label = f"{fact.label} ({fact.unit})" if fact.unit else fact.label
        common: dict[str, Any] = {"required": False, "label": label, "help_text": fact.help}
        if fact.kind is Kind.BOOL:
            return forms.ChoiceField(choices=_YES_NO, widget=UnfoldAdminSelectWidget, **common)
        attrs: dict[str, str] = {"autocomplete": "off"}
        options = options_of(fact)
        if options:
            self.lists[fact.code] = options
            attrs["list"] = f"list-{fact.code}"
        if fact.kind in catalogue.NUMERIC:
            attrs["inputmode"] = "decimal"
        return forms.CharField(widget=UnfoldAdminTextInputWidget(attrs=attrs), max_length=200, **common)

    def facts(self) -> dict[str, str]:
        """The facts that were given."""
        return {
            code: value
            for code, value in self.cleaned_data.items()
            if code in catalogue.CATALOGUE and value not in ("", None)
        }
