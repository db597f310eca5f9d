"""Setting up practices."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from therapy_credits.domain import places
from therapy_credits.models import (
    Licence,
    Practice,
    PracticeMembership,
    Practitioner,
    ServiceType,
)
from therapy_credits.models.practices import Format, Topic


def _country_field() -> forms.ChoiceField:
    return forms.ChoiceField(label=_("Country"))


class _WithPlaces(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    """Fills choices of countries and languages in the reader's language."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = get_language() or "en"
        for name, choices in (
            ("country", [("", "–"), *places.country_choices(language)]),
            ("region", [("", _("The whole country")), *places.region_groups(language)]),
            ("languages", places.language_choices(language)),
        ):
            field = self.fields.get(name)
            if isinstance(field, forms.ChoiceField):
                field.choices = choices


class PracticeForm(_WithPlaces):
    country = _country_field()
    languages = forms.MultipleChoiceField(label=_("Languages"), widget=forms.CheckboxSelectMultiple)
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [(zone, zone) for zone in sorted(available_timezones())],
    )

    class Meta:
        model = Practice
        fields = [
            "organisation",
            "name",
            "slug",
            "country",
            "languages",
            "time_zone",
            "contact_email",
            "contact_phone",
            "network",
            "lead_hours",
            "buffer_minutes",
        ]


class ServiceTypeForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    class Meta:
        model = ServiceType
        fields = ["name", "kind", "minutes", "units", "rate_minor", "currency"]

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].upper()
        if len(currency) != 3 or not currency.isascii() or not currency.isalpha():
            raise forms.ValidationError(_("Three letters, as in GBP."))
        return currency

    def clean_minutes(self) -> int:
        minutes: int = self.cleaned_data["minutes"]
        if not 10 <= minutes <= 240:
            raise forms.ValidationError(_("Between 10 and 240 minutes."))
        return minutes

    def clean_units(self) -> int:
        units: int = self.cleaned_data["units"]
        if units < 1:
            raise forms.ValidationError(_("At least one session."))
        return units


class PractitionerForm(_WithPlaces):
    languages = forms.MultipleChoiceField(label=_("Languages"), widget=forms.CheckboxSelectMultiple)
    formats = forms.MultipleChoiceField(
        label=_("Formats"), choices=Format.choices, widget=forms.CheckboxSelectMultiple
    )
    join_url = forms.URLField(
        label=_("Link for sessions online"), required=False, assume_scheme="https"
    )
    topics = forms.MultipleChoiceField(
        label=_("Topics"),
        choices=Topic.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Practitioner
        fields = ["name", "slug", "languages", "formats", "topics", "bio", "place", "join_url"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        formats = cleaned.get("formats") or []
        if "online" in formats and not cleaned.get("join_url"):
            self.add_error("join_url", _("Sessions online need a link to join."))
        if "in_person" in formats and not cleaned.get("place"):
            self.add_error("place", _("Sessions in person need an address."))
        return cleaned


class LicenceForm(_WithPlaces):
    country = _country_field()
    region = forms.ChoiceField(label=_("State or province"), required=False)
    expires_on = forms.DateField(
        label=_("Valid until"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    class Meta:
        model = Licence
        fields = [
            "kind",
            "authority",
            "number",
            "country",
            "region",
            "expires_on",
            "insurance_territory",
            "evidence",
        ]

    def __init__(self, *args: Any, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_expires_on(self) -> dt.date:
        day: dt.date = self.cleaned_data["expires_on"]
        if day < self.today:
            raise forms.ValidationError(_("This licence has lapsed. It cannot be added."))
        return day

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        country, region = cleaned.get("country", ""), cleaned.get("region", "")
        if region and not region.startswith(f"{country}-"):
            self.add_error("region", _("This is not in the country you chose above."))
        cleaned["region"] = region.partition("-")[2]
        return cleaned


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"))
    role = forms.ChoiceField(label=_("As"), choices=PracticeMembership.Role.choices)
    practitioner = forms.ModelChoiceField(
        label=_("Which practitioner is this?"),
        queryset=Practitioner.objects.none(),
        required=False,
        empty_label=_("Nobody of these"),
        help_text=_("A practitioner who signs in sees own bookings only."),
    )

    def __init__(self, *args: Any, practice: Practice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["practitioner"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = practice.practitioners.filter(user=None).order_by("name")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_practitioner = cleaned.get("role") == PracticeMembership.Role.PRACTITIONER
        if is_practitioner and not cleaned.get("practitioner"):
            self.add_error("practitioner", _("Say which practitioner this account is for."))
        if not is_practitioner:
            cleaned["practitioner"] = None
        return cleaned
