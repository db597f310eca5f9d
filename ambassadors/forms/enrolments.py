"""Programmes, terms, invitations, rosters and moves, as people type them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from babel import Locale
from django import forms
from django.conf import settings
from django.utils.text import slugify
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.forms import validate_showable
from ambassadors.domain.rosters import LARGEST_BYTES
from ambassadors.models import (
    Agreement,
    AgreementVersion,
    Enrolment,
    Programme,
    Reason,
    Term,
)

if TYPE_CHECKING:  # generic for the type checker only
    ProgrammeModelForm = forms.ModelForm[Programme]
    TermModelForm = forms.ModelForm[Term]
else:
    ProgrammeModelForm = TermModelForm = forms.ModelForm

# Addresses below /staff/programmes/ that are pages of ours.
RESERVED_SLUGS = {"new"}
# Reasons a coordinator may give; the others are written by what people do themselves.
COORDINATOR_REASONS = [
    Reason.OWN_WISH,
    Reason.ON_LEAVE,
    Reason.TERM_ENDED,
    Reason.INVITED_BY_MISTAKE,
    Reason.NOT_ELIGIBLE,
    Reason.BROKE_AGREEMENT,
    Reason.REINSTATED,
    Reason.OTHER,
]


def zone_choices() -> list[tuple[str, str]]:
    places = sorted(zone for zone in available_timezones() if "/" in zone and "Etc/" not in zone)
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in places)]


def country_choices() -> list[tuple[str, str]]:
    names = Locale.parse(get_language() or "en", sep="-").territories
    known = [
        (code, name)
        for code, name in names.items()
        if len(code) == 2 and code.isalpha() and code not in {"ZZ", "EU", "UN", "EZ", "QO"}
    ]
    return [("", _("Any country")), *sorted(known, key=lambda item: item[1])]


class CountryForm(forms.Form):
    """Does somebody live in the country of a term? Only a yes is kept."""

    lives_there = forms.TypedChoiceField(
        choices=[("yes", _("Yes")), ("no", _("No"))],
        help_text=_("We keep only that you said yes, and when."),
        widget=forms.RadioSelect,
        coerce=lambda value: value == "yes",
        error_messages={"required": _("Choose yes or no.")},
    )

    def __init__(self, *args: Any, country: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = _("Do you live in this country: %(country)s?") % {"country": country}
        self.fields["lives_there"].label = words


class JoinForm(CountryForm):
    """The first step of an invitation: is it you, are you 18, do you live where the term is."""

    field_order = ("page_key", "is_adult", "lives_there")

    page_key = forms.CharField(max_length=64, widget=forms.HiddenInput)
    is_adult = forms.TypedChoiceField(
        label=_("Are you 18 or over?"),
        help_text=_("We keep only that you said yes, never a birth date."),
        choices=[("yes", _("Yes")), ("no", _("No"))],
        widget=forms.RadioSelect,
        coerce=lambda value: value == "yes",
        error_messages={"required": _("Choose yes or no.")},
    )

    def __init__(self, *args: Any, ask_age: bool, ask_country: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not ask_age:
            del self.fields["is_adult"]
        if not ask_country:
            del self.fields["lives_there"]

    @property
    def says_adult(self) -> bool:
        """What they said now, or said once before."""
        return bool(self.cleaned_data.get("is_adult", True))

    @property
    def says_lives_there(self) -> bool:
        """What they said now, or what is known already."""
        return bool(self.cleaned_data.get("lives_there", True))


class AgreeForm(forms.Form):
    """Yes to the text with this hash, which is the one that was on the page."""

    sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)
    agree = forms.BooleanField(
        label=_("I have read this and I agree"),
        error_messages={"required": _("Tick the box if you agree. Without it you cannot join.")},
    )


class ConsentForm(forms.Form):
    """Yes or no to the text with this hash. Neither answer is chosen beforehand."""

    sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)
    answer = forms.ChoiceField(
        label=_("May we handle this health data to arrange support for you?"),
        choices=[
            ("yes", _("Yes, I consent")),
            ("no", _("No, or not now")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose one of the two. Both are fine.")},
    )


class ProgrammeForm(ProgrammeModelForm):
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=zone_choices,
        help_text=_("Terms begin and end at midnight there."),
    )

    class Meta:
        model = Programme
        fields = [
            "name",
            "slug",
            "summary",
            "description",
            "time_zone",
            "contact_email",
            "appeal_email",
            "is_sensitive",
            "is_listed",
        ]
        labels = {
            "contact_email": _("Contact address"),
            "appeal_email": _("Who looks again at a removal"),
            "slug": _("Address"),
        }
        help_texts = {
            "slug": _("The last part of its address, for example open-door. Fixed once chosen."),
            "summary": _("One sentence for lists."),
            "description": _("You can use Markdown: **bold**, lists, links."),
            "contact_email": _("Whom people of the programme write to."),
            "is_listed": _("Anybody can then read about it. Who is in it is never shown."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["slug"]  # links that people keep must go on working
        else:
            self.fields["slug"].required = False

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"] or slugify(self.cleaned_data.get("name", ""))
        if slug in RESERVED_SLUGS:
            raise forms.ValidationError(
                _("This address is used by a page of ours. Choose another.")
            )
        if not slug:
            raise forms.ValidationError(_("Write an address in Latin letters, such as open-door."))
        if Programme.objects.filter(slug=slug).exists():
            raise forms.ValidationError(_("Another programme has this address. Choose another."))
        return slug


class TermForm(TermModelForm):
    market = forms.ChoiceField(label=_("Country"), choices=country_choices, required=False)

    class Meta:
        model = Term
        fields = [
            "name",
            "starts_on",
            "ends_on",
            "market",
            "capacity",
            "grace_days",
            "agreement_version",
        ]
        labels = {
            "name": _("Name"),
            "starts_on": _("First day"),
            "ends_on": _("Last day"),
            "capacity": _("Places"),
            "grace_days": _("Days of grace"),
            "agreement_version": _("Agreement"),
        }
        help_texts = {"name": _("For example: Spring 2027.")}
        widgets = {
            "starts_on": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            "ends_on": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["grace_days"].required = False
        version = self.fields["agreement_version"]
        assert isinstance(version, forms.ModelChoiceField)
        version.queryset = (
            AgreementVersion.objects.filter(agreement__kind=Agreement.Kind.AGREEMENT)
            .select_related("agreement")
            .order_by("-published_at")
        )
        version.empty_label = _("Always the newest version")

    def clean_grace_days(self) -> int:
        return self.cleaned_data["grace_days"] or 0

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        starts_on, ends_on = data.get("starts_on"), data.get("ends_on")
        if starts_on and ends_on and ends_on < starts_on:
            self.add_error("ends_on", _("The last day is before the first. Swap them."))
        name = data.get("name")
        same = Term.objects.filter(programme=self.instance.programme_id, name=name)
        if name and same.exclude(pk=self.instance.pk).exists():
            self.add_error("name", _("The programme has a term with this name. Choose another."))
        return data


class InviteForm(forms.Form):
    email = forms.CharField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    name = forms.CharField(
        label=_("Stage name"),
        max_length=120,
        required=False,
        help_text=_("As they write it, in any script."),
        validators=[validate_showable],
    )
    language = forms.ChoiceField(
        label=_("Language of the invitation"), choices=settings.LANGUAGES, initial="en"
    )


class RosterForm(forms.Form):
    file = forms.FileField(
        label=_("CSV file"),
        help_text=_(
            "The first row names the columns: e-mail, stage name, language, country, in"
            " any language of this site. Only the e-mail must be there. Up to 20 MB."
        ),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
        error_messages={
            "empty": _("The file is empty. Choose the file that has the people in it.")
        },
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_BYTES:
            raise forms.ValidationError(
                _("The file is larger than 20 MB. Split it into several files.")
            )
        return file


class ColumnsForm(forms.Form):
    """Which column of the file is what; filled in with our guess."""

    email = forms.TypedChoiceField(label=_("E-mail address"), coerce=int)
    name = forms.TypedChoiceField(
        label=_("Stage name"), coerce=int, required=False, empty_value=None
    )
    language = forms.TypedChoiceField(
        label=_("Language"), coerce=int, required=False, empty_value=None
    )
    market = forms.TypedChoiceField(
        label=_("Country"), coerce=int, required=False, empty_value=None
    )
    allow_same_names = forms.BooleanField(
        label=_("Import people who share a stage name with somebody else"),
        help_text=_("Otherwise they are held back, in case one person has two addresses."),
        required=False,
    )

    def __init__(self, *args: Any, header: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = [
            (index, title or _("Column %(n)d") % {"n": index + 1})
            for index, title in enumerate(header)
        ]
        for field in ("email", "name", "language", "market"):
            choice = self.fields[field]
            assert isinstance(choice, forms.TypedChoiceField)
            choice.choices = [("", _("Not in the file")), *columns]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        chosen = [
            c
            for c in (data.get(f) for f in ("email", "name", "language", "market"))
            if c is not None
        ]
        if len(set(chosen)) < len(chosen):
            raise forms.ValidationError(_("Two of these are the same column. Choose one for each."))
        return data

    @property
    def columns(self) -> dict[str, int]:
        names = ("email", "name", "language", "market")
        chosen = {name: self.cleaned_data.get(name) for name in names}
        return {name: column for name, column in chosen.items() if column is not None}


class MoveForm(forms.Form):
    """A coordinator's move, out of those that are legal now."""

    to = forms.ChoiceField(label=_("New status"), widget=forms.RadioSelect)
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[("", _("Choose a reason")), *((r.value, r.label) for r in COORDINATOR_REASONS)],
        help_text=_("The person can see it. Never write down health facts about anybody."),
    )

    def __init__(self, *args: Any, enrolment: Enrolment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        to = self.fields["to"]
        assert isinstance(to, forms.ChoiceField)
        to.choices = [(status.value, move_label(status)) for status in enrolment.coordinator_moves]


def move_label(status: str) -> Any:
    """A move in the words of the person who makes it."""
    words = {
        "active": _("Resume"),
        "paused": _("Pause"),
        "alumni": _("Make an alum"),
        "removed": _("Remove from the term"),
        "onboarding": _("Let back in (they agree once more)"),
    }
    return words[status]
