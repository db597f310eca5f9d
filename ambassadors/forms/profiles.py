"""What ambassadors say about themselves and what they did, and whom to ask, as people type it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from babel import Locale, UnknownLocaleError
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.forms import validate_showable
from accounts.models import User
from ambassadors.domain.names import language_code
from ambassadors.models import Activity, Profile, Programme
from ambassadors.models.profiles import MOST_LINKS, validate_link


def language_names(codes: list[str]) -> list[str]:
    """Languages in the words of the reader."""
    reader = Locale.parse(get_language() or "en", sep="-")
    return [_language_name(code, reader) for code in codes]


def _language_name(code: str, reader: Locale) -> str:
    try:
        return Locale.parse(code, sep="-").get_display_name(reader) or code
    except (UnknownLocaleError, ValueError):
        return str(reader.languages.get(code, code))


class ProfileForm(forms.Form):
    name = forms.CharField(
        label=_("Stage name"),
        max_length=120,
        help_text=_("As you write it, in any script. It comes first everywhere here."),
        validators=[validate_showable],
    )
    pronouns = forms.CharField(
        label=_("Pronouns"), max_length=60, required=False, help_text=_("In your own words.")
    )
    pronouns_to = forms.ChoiceField(
        label=_("Who sees your pronouns"),
        choices=Profile.Audience.choices,
        widget=forms.RadioSelect,
        initial=Profile.Audience.PROGRAMME,
    )
    languages = forms.CharField(
        label=_("Languages"),
        max_length=200,
        required=False,
        help_text=_("Names with commas between them, for example: English, Spanish."),
    )
    about = forms.CharField(
        label=_("About you"),
        max_length=400,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("For your card. Leave out anything about your health."),
    )
    links = forms.CharField(
        label=_("Links"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One to a line, at most five."),
    )
    shown_in = forms.ModelMultipleChoiceField(
        label=_("Show my card on the public page of"),
        queryset=Programme.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("Nobody is shown who did not tick this. Untick it and the card is gone."),
    )

    def __init__(self, *args: Any, programmes: QuerySet[Programme], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shown_in = self.fields["shown_in"]
        assert isinstance(shown_in, forms.ModelMultipleChoiceField)
        shown_in.queryset = programmes
        if not programmes.exists():
            del self.fields["shown_in"]

    def clean_languages(self) -> list[str]:
        typed = [word.strip() for word in self.cleaned_data["languages"].split(",")]
        codes = []
        for word in filter(None, typed):
            code = language_code(word)
            if code is None:
                raise ValidationError(
                    _("We do not know the language “%(word)s”. Write its name."),
                    params={"word": word},
                )
            codes.append(code)
        return list(dict.fromkeys(codes))

    def clean_links(self) -> list[str]:
        links = [line.strip() for line in self.cleaned_data["links"].splitlines() if line.strip()]
        if len(links) > MOST_LINKS:
            raise ValidationError(_("These are more than five. Choose the ones that matter most."))
        for link in links:
            validate_link(link)
        return links


class ActivityForm(forms.Form):
    kind = forms.ChoiceField(label=_("What"), choices=Activity.Kind.choices)
    on = forms.DateField(label=_("When"), widget=forms.DateInput(attrs={"type": "date"}))
    note = forms.CharField(
        label=_("A line about it"),
        max_length=140,
        required=False,
        help_text=_("About what was done, never about how anybody is."),
    )

    def __init__(self, *args: Any, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_on(self) -> dt.date:
        on: dt.date = self.cleaned_data["on"]
        if on > self.today:
            raise ValidationError(_("This day is still to come. Note it when it has been."))
        return on


class ContactForm(forms.Form):
    to = forms.ModelChoiceField(
        label=_("Hand over to"), queryset=User.objects.none(), empty_label=_("Choose somebody")
    )

    def __init__(self, *args: Any, people: QuerySet[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        to = self.fields["to"]
        assert isinstance(to, forms.ModelChoiceField)
        to.queryset = people
