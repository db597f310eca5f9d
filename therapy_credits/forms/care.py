"""What a person types to find and book care. Nothing of it is about health."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from therapy_credits.domain import places
from therapy_credits.forms.gifts import age_question
from therapy_credits.models.practices import Format, ServiceType, Topic


class FindForm(forms.Form):
    """Where will you be, which language, which format; and for whom, where that is a question."""

    country = forms.ChoiceField(
        label=_("Which country will you be in?"),
        help_text=_(
            "On the day of the session. On tour, take the place of that day: "
            "a licence counts where you are, not where you live."
        ),
    )
    region = forms.ChoiceField(
        label=_("State or province"),
        help_text=_("Only in the United States and Canada."),
        required=False,
    )
    language = forms.ChoiceField(label=_("Which language?"))
    format = forms.ChoiceField(
        label=_("How?"), choices=Format.choices, widget=forms.RadioSelect, initial=Format.ONLINE
    )
    kind = forms.ChoiceField(label=_("For whom?"), widget=forms.RadioSelect)
    topics = forms.MultipleChoiceField(
        label=_("Somebody who knows about…"),
        help_text=_("Only for the order of the list. Not kept after this visit."),
        choices=Topic.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    is_adult = age_question()

    def __init__(self, *args: Any, ask_age: bool, kinds: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not ask_age:
            del self.fields["is_adult"]
        self.kinds = kinds
        self._choices("kind").choices = [
            (kind, label) for kind, label in ServiceType.Kind.choices if kind in kinds
        ]
        self.fields["kind"].initial = kinds[0]
        if len(kinds) == 1:
            del self.fields["kind"]
        language = get_language() or "en"
        self._choices("country").choices = [("", "–"), *places.country_choices(language)]
        self._choices("region").choices = [("", "–"), *places.region_groups(language)]
        self._choices("language").choices = places.language_choices(language)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned.setdefault("kind", self.kinds[0])
        country, region = cleaned.get("country", ""), cleaned.get("region", "")
        if places.needs_region(country):
            if not region:
                self.add_error(
                    "region", _("Licences are given by state there: say which one you will be in.")
                )
            elif not region.startswith(f"{country}-"):
                self.add_error("region", _("This is not in the country you chose above."))
            cleaned["region"] = region.partition("-")[2]
        else:
            # What was chosen for another country does not count, and need not be undone.
            cleaned["region"] = ""
        return cleaned

    def _choices(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        return field


class SlotForm(forms.Form):
    """One of the times that are free."""

    slot = forms.ChoiceField(
        label=_("Time"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose a time."),
            "invalid_choice": _("That time is no longer free. Choose another."),
        },
    )

    def __init__(self, *args: Any, slots: Sequence[dt.datetime], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["slot"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(slot.isoformat(), slot.isoformat()) for slot in slots]

    def clean_slot(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.cleaned_data["slot"])


class BookForm(SlotForm):
    """One time, and what the practice will see. The id makes a double click one booking."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    name = forms.CharField(
        label=_("Name for the practice"),
        max_length=80,
        help_text=_("Any name you like to be called by. It is all they see of who you are."),
        error_messages={"required": _("Give a name they can call you by.")},
    )
    contact = forms.CharField(
        label=_("How they can reach you"),
        max_length=120,
        help_text=_("A telephone number or an address that only you read."),
        error_messages={"required": _("Give a number or an address, in case the time changes.")},
    )


class CancelForm(forms.Form):
    """The terms the person was shown when they pressed the button."""

    agreed = forms.ChoiceField(
        choices=[("in_time", ""), ("excused", ""), ("charged", "")], widget=forms.HiddenInput
    )


class IssueCodeForm(forms.Form):
    """One code. The id makes a double click one code."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    is_adult = age_question()

    def __init__(self, *args: Any, ask_age: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not ask_age:
            del self.fields["is_adult"]
