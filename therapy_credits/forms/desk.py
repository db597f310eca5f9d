"""What care staff type. Choices and dates; never a word about a person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from therapy_credits.models import Practitioner


class PractitionerField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic when it runs
    def label_from_instance(self, obj: Practitioner) -> str:
        languages = ", ".join(obj.languages)
        return f"{obj.name}, {obj.practice.name} ({obj.practice.country}; {languages})"


class AnswerForm(forms.Form):
    """Whom the desk found; or, honestly, until when nobody is to be expected."""

    practitioner = PractitionerField(
        label=_("Somebody who fits"),
        queryset=Practitioner.objects.none(),
        required=False,
        empty_label=_("Choose"),
    )
    wait_until = forms.DateField(
        label=_("Nobody for now: we look again by"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, is_found: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_found = is_found
        field = self.fields["practitioner"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = (
            Practitioner.objects.bookable().select_related("practice").order_by("name", "pk")
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        needed = "practitioner" if self.is_found else "wait_until"
        if not data.get(needed):
            self.add_error(needed, _("This is needed for that answer."))
        # Only what belongs to the answer that was pressed.
        return {
            "practitioner": data.get("practitioner") if self.is_found else None,
            "wait_until": None if self.is_found else data.get("wait_until"),
        }
