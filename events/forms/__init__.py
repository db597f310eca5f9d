"""What people type about events, read and checked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.forms import BaseFormSet
from django.forms.renderers import get_default_renderer
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from ambassadors.models import Programme
from common.money import NotAnAmount, TooManyDecimals, read_money, show_money, write_money
from common.pictures import NotAPicture, photograph
from common.when import clock, day, place_of
from events.domain.clock_times import HappensTwiceError, NoSuchTimeError, moment
from events.models import (
    CARE_DAYS,
    CHOICES_OF_CURRENCY,
    LANGUAGES,
    Answer,
    Event,
    Format,
    Note,
    Occurrence,
    OfferHours,
    PriceKind,
    Question,
    RefundHours,
    ReminderHours,
    Rsvp,
    SeriesRsvp,
    SurveyAnswer,
    SurveyKind,
    Topic,
)
from payments.domain.currencies import LEAST, is_chargeable, is_whole, most_of

ZONES = sorted(name for name in available_timezones() if "/" in name or name == "UTC")
DATES_AT_ONCE = 60
# A higher minimum age is a slip: nobody could come.
OLDEST_LIMIT = 99


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self, **attrs: Any) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self, **attrs: Any) -> None:
        super().__init__(attrs, format="%H:%M")


class EventFilter(forms.Form):
    """What a visitor looks for. Anything that cannot be read is left out, and said."""

    q = forms.CharField(label=_("Search"), required=False, max_length=80)
    format = forms.ChoiceField(label=_("Where"), required=False)
    language = forms.ChoiceField(label=_("Language"), required=False)
    topic = forms.ChoiceField(label=_("Topic"), required=False)
    programme = forms.ModelChoiceField(
        Programme.objects.none(),
        to_field_name="slug",
        label=_("Programme"),
        required=False,
        empty_label=_("Any"),
    )
    # ``from`` is a word of Python: these two are added in __init__.

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        anything = [("", _("Any"))]
        choices: dict[str, Iterable[Any]] = {
            "format": Format.choices,
            "language": LANGUAGES,
            "topic": Topic.choices,
        }
        for name, values in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [*anything, *values]
        programmes = self.fields["programme"]
        assert isinstance(programmes, forms.ModelChoiceField)
        programmes.queryset = Programme.objects.listed().order_by("name")
        for name, label in (("from", _("From")), ("to", _("To"))):
            self.fields[name] = forms.DateField(label=label, required=False, widget=DateInput())

    @property
    def chosen(self) -> dict[str, Any]:
        """What was asked for and could be read."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class AnswersForm(forms.Form):
    """The questions of an event, one field for each."""

    def __init__(self, *args: Any, questions: Iterable[Question] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for question in questions:
            self.fields[f"question_{question.pk}"] = _field_of(question)

    @property
    def answers(self) -> dict[int, str]:
        """What was answered, by the question's key."""
        return {
            int(name.removeprefix("question_")): str(value)
            for name, value in self.cleaned_data.items()
            if name.startswith("question_")
        }


def _field_of(question: Question) -> forms.Field:
    hint = ""
    if question.is_care:
        hint = ngettext(
            "Only the hosts see it. It is deleted %(count)d day after the date.",
            "Only the hosts see it. It is deleted %(count)d days after the date.",
            question.days_kept,
        ) % {"count": question.days_kept}
    kept: dict[str, Any] = {
        "label": question.text,
        "help_text": hint,
        "required": question.is_required,
    }
    if question.kind == Question.Kind.TEXT:
        widget = forms.Textarea({"rows": 2})
        return forms.CharField(max_length=Answer.LONGEST, widget=widget, **kept)
    options = question.options
    if question.kind == Question.Kind.YES_NO:
        return forms.ChoiceField(
            choices=[("yes", _("Yes")), ("no", _("No"))], widget=forms.RadioSelect, **kept
        )
    return forms.ChoiceField(choices=[("", "—"), *((option, option) for option in options)], **kept)


def answers_of(rsvp: Rsvp | SeriesRsvp) -> dict[str, str]:
    """What this party has answered, for a date or for all of them, as the form shows it."""
    return {f"question_{answer.question_id}": answer.text for answer in rsvp.answers.all()}


class QuestionForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    """One more thing to ask."""

    options = forms.CharField(
        label=_("Options"),
        help_text=_("Only for “one of several”: one on each line."),
        required=False,
        max_length=2000,
        widget=forms.Textarea({"rows": 3}),
    )
    days_kept = forms.IntegerField(
        label=_("Days the answers are kept after the date"),
        min_value=0,
        max_value=365,
        initial=CARE_DAYS,
    )

    class Meta:
        model = Question
        fields = ["text", "kind", "options", "is_required", "is_care", "days_kept"]
        widgets = {"kind": forms.RadioSelect}
        help_texts = {
            "is_care": _(
                "Such as food, steps, interpreters, medicines. Only the hosts of this event see "
                "the answers, each look is noted, and they are deleted 14 days after the date at "
                "the latest."
            )
        }

    def clean_options(self) -> list[str]:
        lines = (line.strip()[:80] for line in self.cleaned_data["options"].splitlines())
        return list(dict.fromkeys(line for line in lines if line))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        self._validate_constraints = False
        if data.get("kind") == Question.Kind.CHOICE and len(data.get("options", [])) < 2:
            self.add_error("options", gettext("Write at least two options, one on each line."))
        if data.get("is_care") and (data.get("days_kept") or 0) > CARE_DAYS:
            self.add_error(
                "days_kept",
                gettext("What people say about access or health is kept for 14 days at most."),
            )
        return data

    @property
    def words(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.Meta.fields}


class GiveForm(forms.Form):
    """Somebody else for one's place."""

    name = forms.CharField(label=_("Their name"), max_length=120)
    email = forms.EmailField(
        label=_("Their e-mail address"),
        help_text=_("They get one mail. Your place is theirs when they say yes in it."),
    )


class PartyForm(AnswersForm):
    """How many come, and what the others are called."""

    party_size = forms.TypedChoiceField(label=_("How many people, you included?"), coerce=int)
    companions = forms.CharField(
        label=_("Names of those who come along"),
        help_text=_("One on each line. You can leave this empty."),
        required=False,
        max_length=2000,
        widget=forms.Textarea({"rows": 2}),
    )

    def __init__(
        self,
        *args: Any,
        event: Event,
        at_least: int = 1,
        at_most: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        largest = at_most or max(event.largest_party, at_least)
        size = self.fields["party_size"]
        assert isinstance(size, forms.TypedChoiceField)
        size.choices = [(number, str(number)) for number in range(1, largest + 1)]
        if largest == 1:
            # Alone is the only way to come: nothing to ask.
            del self.fields["party_size"], self.fields["companions"]

    def clean_companions(self) -> list[str]:
        lines = self.cleaned_data["companions"].replace(",", "\n").splitlines()
        names = [line.strip()[:120] for line in lines if line.strip()]
        if len(names) >= (self.cleaned_data.get("party_size") or 1) and names:
            raise forms.ValidationError(
                gettext("There are more names than people. Add people, or take a name out.")
            )
        return names

    @property
    def party(self) -> dict[str, Any]:
        return {
            "party_size": self.cleaned_data.get("party_size", 1),
            "companions": self.cleaned_data.get("companions", []),
        }


def read_amount(text: str, currency: str) -> int:
    """What somebody typed, as minor units; ValidationError in words that help."""
    try:
        return read_money(text, currency)
    except TooManyDecimals as wrong:
        said = ngettext(
            "%(currency)s has %(count)d digit after the point.",
            "%(currency)s has %(count)d digits after the point.",
            wrong.places,
        )
        words = said % {"currency": currency, "count": wrong.places}
        raise forms.ValidationError(words) from wrong
    except NotAnAmount as wrong:
        said = gettext("Write an amount in numbers, such as 12 or 12.50.")
        raise forms.ValidationError(said) from wrong


class PayForm(forms.Form):
    """What a party pays, where they choose it."""

    amount = forms.CharField(
        label=_("What would you like to pay?"),
        max_length=24,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, rsvp: Rsvp, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.event, self.people = rsvp.occurrence.event, rsvp.party_size
        if not self.event.is_price_open:
            del self.fields["amount"]
            return
        least = (self.event.least_minor or 0) * self.people
        suggested = (self.event.price_minor or self.event.least_minor or 0) * self.people
        self.initial.setdefault("amount", write_money(suggested, self.event.currency))
        field = self.fields["amount"]
        if self.people > 1:
            field.label = gettext("What would you like to pay, for all of you?")
        field.help_text = gettext("In %(currency)s.") % {"currency": self.event.currency}
        if least:
            words = show_money(least, self.event.currency)
            field.help_text += " " + gettext("At least %(amount)s.") % {"amount": words}
        else:
            field.help_text += " " + gettext("0 is fine: then you just come.")

    def clean_amount(self) -> int:
        currency = self.event.currency
        amount = read_amount(self.cleaned_data["amount"], currency)
        least = (self.event.least_minor or 0) * self.people
        if amount == 0 and least == 0:
            return 0
        least = max(least, LEAST[currency])
        if amount < least or not is_chargeable(amount, currency):
            words = show_money(least, currency)
            raise forms.ValidationError(
                gettext("The least that can be paid here is %(amount)s.") % {"amount": words}
            )
        return amount

    @property
    def chosen(self) -> int | None:
        """What they chose; nothing where there is nothing to choose."""
        return self.cleaned_data.get("amount")


class RefundForm(forms.Form):
    """Giving back some or all of a payment."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    amount = forms.CharField(
        label=_("How much to give back"),
        max_length=24,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=_("Why"),
        help_text=_("Kept with the payment, for who looks at the accounts. Name nobody's health."),
        max_length=240,
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean_amount(self) -> int:
        amount = read_amount(self.cleaned_data["amount"], self.currency)
        if amount == 0:
            raise forms.ValidationError(gettext("That would give back nothing."))
        if not is_whole(amount, self.currency):
            raise forms.ValidationError(
                gettext("Cards take %(currency)s in whole hundredths only: end it with a 0.")
                % {"currency": self.currency}
            )
        return amount


class GuestForm(PartyForm):
    """Somebody without an account says yes."""

    name = forms.CharField(
        label=_("Your name"),
        help_text=_("Any name you like to be called at the door."),
        max_length=120,
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=_("Your e-mail address"),
        help_text=_("We send one link there, to confirm. It joins no list."),
        widget=forms.EmailInput({"autocomplete": "email"}),
    )
    field_order = ("name", "email", "party_size", "companions")


class AddRsvpForm(GuestForm):
    """Staff add somebody who told them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = gettext("Name")
        self.fields["name"].help_text = ""
        self.fields["email"].label = gettext("E-mail address")
        self.fields["email"].help_text = gettext("They get a mail with their own link.")
        if "party_size" in self.fields:
            self.fields["party_size"].label = gettext("How many people?")


class WalkInForm(forms.Form):
    """Somebody at the door who never said yes."""

    name = forms.CharField(
        label=_("Name"), help_text=_("Any name will do."), max_length=120, required=False
    )
    people_count = forms.IntegerField(
        label=_("How many people?"), min_value=1, max_value=50, initial=1
    )


class NoteForm(forms.Form):
    """What hosts write to people of a date."""

    to = forms.MultipleChoiceField(
        label=_("To"), choices=Note.To.choices, widget=forms.CheckboxSelectMultiple
    )
    text = forms.CharField(
        label=_("Message"),
        help_text=_(
            "The subject only says that it is about their date, and when that is: others may see "
            "it on a locked screen."
        ),
        max_length=4000,
        widget=forms.Textarea({"rows": 8}),
    )


class SurveyForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    """How it was."""

    again = forms.TypedChoiceField(
        label=_("Would you come again?"),
        choices=[("yes", _("Yes")), ("no", _("No"))],
        coerce=lambda said: said == "yes",
        widget=forms.RadioSelect,
    )

    class Meta:
        model = SurveyAnswer
        fields = ["liked", "welcome", "again", "helped"]
        labels = {
            "liked": _("It was good for me"),
            "welcome": _("I felt welcome and safe"),
            "helped": _("I feel better able to look after myself"),
        }
        help_texts = dict.fromkeys(
            ("liked", "welcome", "helped"), _("From 1, not at all, to 5, very much.")
        )
        widgets = {
            "liked": forms.RadioSelect,
            "welcome": forms.RadioSelect,
            "helped": forms.RadioSelect,
        }

    def __init__(self, *args: Any, event: Event, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("liked", "welcome", "helped"):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = SurveyAnswer.SCALE
        if event.survey != SurveyKind.HEALTH:
            del self.fields["helped"]

    @property
    def words(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class DiscreetForm(forms.Form):
    is_discreet = forms.BooleanField(
        label=_("Show it in my calendar as “Busy”"),
        help_text=_("Without title, place or description, for calendars that others can see."),
        required=False,
    )


class PhotoForm(forms.Form):
    """A photograph for the page of an event."""

    LARGEST_BYTES = 10 * 1024 * 1024

    file = forms.FileField(
        label=_("Photograph"),
        help_text=_("JPEG, PNG or WebP, up to 10 MB. Wider than high is best."),
        widget=forms.FileInput({"accept": "image/jpeg,image/png,image/webp"}),
        error_messages={"empty": _("The file is empty. Choose another.")},
    )
    alt = forms.CharField(
        label=_("What it shows"),
        help_text=_("For people who do not see it. Leave it empty if it says nothing new."),
        max_length=200,
        required=False,
    )

    def clean_file(self) -> bytes:
        file = self.cleaned_data["file"]
        if file.size > self.LARGEST_BYTES:
            raise forms.ValidationError(gettext("The file is too large: 10 MB at most."))
        try:
            return photograph(file.read())
        except NotAPicture as wrong:
            raise forms.ValidationError(
                gettext("This is no picture we can read. Save it as JPEG or PNG and try again.")
            ) from wrong


class CancelForm(forms.Form):
    note = forms.CharField(
        label=_("Message to everybody who comes or waits"),
        help_text=_(
            "Say what happens next, if you know it. It stands in the mail and on the page."
        ),
        max_length=2000,
        widget=forms.Textarea({"rows": 5}),
    )


class StaffFilter(forms.Form):
    q = forms.CharField(label=_("Search"), required=False, max_length=80)
    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("Any")), *Event.Status.choices]
    )
    when = forms.ChoiceField(
        label=_("When"),
        required=False,
        choices=[("", _("Any time")), ("coming", _("Still to come")), ("past", _("Over"))],
    )
    visibility = forms.ChoiceField(
        label=_("Who can see it"),
        required=False,
        choices=[
            ("", _("Any")),
            ("public", _("Public")),
            ("unlisted", _("Unlisted")),
            ("programme", _("Programme only")),
            ("ambassadors", _("Ambassadors only")),
        ],
    )
    programme = forms.ModelChoiceField(
        Programme.objects.none(),
        to_field_name="slug",
        label=_("Programme"),
        required=False,
        empty_label=_("Any"),
    )

    def __init__(self, *args: Any, editor: User, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        programme = self.fields["programme"]
        assert isinstance(programme, forms.ModelChoiceField)
        programme.queryset = Programme.objects.run_by(editor, "coordinator", at=at).order_by("name")

    @property
    def chosen(self) -> dict[str, Any]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class EventForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    """Everything an event says. What publishing asks for may be empty in a draft."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        help_text=_("The clock on the wall where it happens. Dates below are read in this zone."),
        choices=[(name, name.replace("_", " ")) for name in ZONES],
    )
    online_url = forms.URLField(
        label=_("Online link"),
        help_text=_("Shown only to people who are going, never in a public calendar."),
        required=False,
        max_length=500,
        assume_scheme="https",
    )
    topics = forms.MultipleChoiceField(
        label=_("Topics"),
        required=False,
        choices=Topic.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    offer_hours = forms.TypedChoiceField(
        label=_("A place that becomes free"),
        help_text=_(
            "It goes to those on the waiting list, in order. An offer keeps the place until its "
            "time is over, at the latest until the date starts; then the next person is asked. A "
            "place with a price is never given at once: it is offered for a day."
        ),
        choices=OfferHours.choices,
        coerce=int,
        empty_value="",
        required=False,
    )
    reminder_hours = forms.TypedMultipleChoiceField(
        label=_("Remind who is going"),
        help_text=_("By mail, before the start. A date that moves takes its reminders along."),
        choices=ReminderHours.choices,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    survey = forms.ChoiceField(
        label=_("Afterwards, ask who came"),
        help_text=_(
            "Only those who were checked in are asked. You see results after a week, together, and "
            "only what at least 11 people said."
        ),
        choices=SurveyKind.choices,
        required=False,
        widget=forms.RadioSelect,
    )
    price_kind = forms.ChoiceField(
        label=_("What does a place cost?"),
        help_text=_(
            "For each person of a party, paid by card before the place is firm. A place is kept "
            "for half an hour meanwhile."
        ),
        choices=PriceKind.choices,
        required=False,
        widget=forms.RadioSelect,
    )
    currency = forms.ChoiceField(
        label=_("Currency"), required=False, choices=[("", "—"), *CHOICES_OF_CURRENCY]
    )
    price_minor = forms.CharField(
        label=_("Amount"),
        help_text=_(
            "The price or the deposit of one person. Where people choose, what you suggest; it may "
            "be empty then."
        ),
        required=False,
        max_length=24,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
    )
    least_minor = forms.CharField(
        label=_("At least"),
        help_text=_("Only where people choose. Empty or 0: they may come for nothing."),
        required=False,
        max_length=24,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
    )
    refund_hours = forms.TypedChoiceField(
        label=_("Who leaves gets it back"),
        help_text=_(
            "All of what they paid, to their card and by itself. Who comes with fewer gets back "
            "the share of the others. People see it before they pay, and keep what they were "
            "promised. You can always give back more. A deposit has its own rule."
        ),
        choices=[("", _("Not by itself: you decide each time")), *RefundHours.choices],
        coerce=int,
        empty_value=None,
        required=False,
    )
    rsvp_opens_at = forms.CharField(required=False, label=_("RSVPs open"))
    rsvp_closes_at = forms.CharField(required=False, label=_("RSVPs close"))

    class Meta:
        model = Event
        fields = [
            "title",
            "summary",
            "body",
            "hosts",
            "language",
            "topics",
            "visibility",
            "programme",
            "format",
            "time_zone",
            "place_name",
            "address",
            "online_url",
            "access_notes",
            "content_notes",
            "max_plus_ones",
            "rsvp_opens_at",
            "rsvp_closes_at",
            "minimum_age",
            "needs_approval",
            "price_kind",
            "currency",
            "price_minor",
            "least_minor",
            "refund_hours",
            "offer_hours",
            "skips_large_parties",
            "reminder_hours",
            "survey",
            "recording_note",
            "safety_lead",
            "host_briefing",
            "emergency_number",
            "emergency_address",
            "quiet_space",
        ]
        widgets = {
            "body": forms.Textarea({"rows": 10}),
            "access_notes": forms.Textarea({"rows": 3}),
            "content_notes": forms.Textarea({"rows": 3}),
            "host_briefing": forms.Textarea({"rows": 4}),
            "format": forms.RadioSelect,
        }
        help_texts = {
            "summary": _("One sentence for the list, the calendar and the feed."),
            "body": _("You can use Markdown: **bold**, lists, links."),
            "hosts": _("Who leads it, as you would say it on stage."),
            "access_notes": _(
                "Steps, lifts, toilets, captions, interpreters, what you do not know."
            ),
            "content_notes": _("What somebody may want to know before they come."),
            "max_plus_ones": _("How many others each person may bring."),
            "minimum_age": _("0 for all ages."),
            "needs_approval": _("People ask to come, and each request waits for your answer."),
            "skips_large_parties": _(
                "They keep their turn, and the place goes to the next who fit. Otherwise everybody "
                "waits until it is enough for the first, also who is new."
            ),
            "recording_note": _("Empty means: nothing is recorded, and the page says so."),
            "safety_lead": _("Who is there to help if somebody is not well."),
            "host_briefing": _("What the hosts must know before the doors open. Never public."),
            "emergency_number": _("Of the country it happens in, such as 112, 999 or 911."),
            "emergency_address": _("What to tell an ambulance, with the right entrance."),
            "quiet_space": _("Or what takes its place online, such as a room without camera."),
        }

    def __init__(self, *args: Any, editor: User, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.editor, self.at = editor, at
        programme = self.fields["programme"]
        assert isinstance(programme, forms.ModelChoiceField)
        programme.queryset = Programme.objects.run_by(editor, "coordinator", at=at).order_by("name")
        programme.empty_label = gettext("None: for everybody in music")
        typed = kwargs.get("initial") or {}
        if "version" not in typed:
            self.initial["version"] = self.instance.version if self.instance.pk else 0
        for name in ("rsvp_opens_at", "rsvp_closes_at"):
            field = self.fields[name]
            field.widget.input_type = "datetime-local"
            value = getattr(self.instance, name)
            self.initial[name] = typed.get(name) or (
                f"{value.astimezone(self.instance.zone):%Y-%m-%dT%H:%M}" if value else ""
            )
        for name in ("price_minor", "least_minor"):
            amount = getattr(self.instance, name)
            self.initial[name] = typed.get(name) or (
                "" if amount is None else write_money(amount, self.instance.currency)
            )
        self.fields["rsvp_opens_at"].help_text = gettext("Empty: as soon as it is published.")
        self.fields["rsvp_closes_at"].help_text = gettext("Empty: when it starts.")

    def clean_minimum_age(self) -> int:
        age: int = self.cleaned_data["minimum_age"]
        if age > OLDEST_LIMIT:
            raise forms.ValidationError(
                gettext("Write an age up to %(age)d, or 0 for all ages.") % {"age": OLDEST_LIMIT}
            )
        return age

    def clean_survey(self) -> str:
        return self.cleaned_data["survey"] or SurveyKind.OFF

    def clean_price_kind(self) -> str:
        return self.cleaned_data["price_kind"] or PriceKind.FREE

    def _read_price(self, data: dict[str, Any]) -> None:
        """The amounts as whole minor units; nothing of them where it costs nothing."""
        kind, currency = data.get("price_kind"), data.get("currency")
        typed = {name: data.get(name) or "" for name in ("price_minor", "least_minor")}
        data["price_minor"] = data["least_minor"] = None
        if kind not in (PriceKind.FIXED, PriceKind.OPEN):
            data["refund_hours"] = None
        if kind == PriceKind.FREE or kind is None:
            data["currency"] = ""
            return
        if not currency:
            if "currency" not in self.errors:
                self.add_error("currency", gettext("Choose the currency of the amount."))
            return
        price = self._amount("price_minor", typed["price_minor"], currency)
        if kind != PriceKind.OPEN:
            data["price_minor"] = price
            if price is None and "price_minor" not in self.errors:
                self.add_error("price_minor", gettext("Say the amount, such as 12."))
            elif price == 0:
                self.add_error(
                    "price_minor",
                    gettext("This costs nothing. Choose “Nothing” above, or an amount."),
                )
            return
        least = self._amount("least_minor", typed["least_minor"], currency) or 0
        data["least_minor"], data["price_minor"] = least, price or None
        if price and price < least:
            self.add_error("price_minor", gettext("Suggest the least at least."))

    def _amount(self, name: str, text: str, currency: str) -> int | None:
        if not text.strip():
            return None
        try:
            amount = read_amount(text, currency)
        except forms.ValidationError as wrong:
            self.add_error(name, wrong)
            return None
        if amount and not is_chargeable(amount, currency):
            self.add_error(
                name,
                gettext("Between %(least)s and %(most)s can be charged.")
                % {
                    "least": show_money(LEAST[currency], currency),
                    "most": show_money(most_of(currency), currency),
                },
            )
            return None
        return amount

    def clean_offer_hours(self) -> int:
        return self.cleaned_data["offer_hours"] or OfferHours.AT_ONCE

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        # What only publishing asks for is the service's to refuse, field by field.
        self._validate_constraints = False
        zone_name = data.get("time_zone")
        for name in ("rsvp_opens_at", "rsvp_closes_at"):
            if zone_name and name in data:
                data[name] = self._moment(name, data[name], ZoneInfo(zone_name))
        self._read_price(data)
        opens, closes = data.get("rsvp_opens_at"), data.get("rsvp_closes_at")
        if opens and closes and closes <= opens:
            self.add_error("rsvp_closes_at", gettext("RSVPs must close after they open."))
        if data.get("visibility") == "programme" and not data.get("programme"):
            self.add_error("programme", gettext("Choose the programme whose ambassadors see it."))
        if not data.get("programme") and not self._may_leave_programme_empty():
            self.add_error("programme", gettext("Choose one of your programmes."))
        return data

    def _may_leave_programme_empty(self) -> bool:
        grants = self.editor.staff_grants.filter(role="coordinator", all_programmes=True)
        return bool(grants.active(at=self.at).exists())

    def _moment(self, name: str, text: str, zone: ZoneInfo) -> datetime | None:
        if not text:
            return None
        try:
            typed = datetime.fromisoformat(text)
            return moment(typed.date(), typed.time(), zone, is_second=False)
        except NoSuchTimeError as skipped:
            self.add_error(name, no_such_time(skipped.instead, zone))
        except ValueError:
            self.add_error(name, gettext("Write a day and a time, such as 4 June, 18:00."))
        return None

    @property
    def words(self) -> dict[str, Any]:
        """What the event says, as the service takes it."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields}


def no_such_time(instead: datetime, zone: ZoneInfo) -> str:
    return gettext(
        "The clocks %(place)s go forward on %(day)s: this time does not exist. "
        "The next one is %(clock)s."
    ) % {"place": place_of(zone.key), "day": day(instead), "clock": clock(instead)}


class DateForm(forms.Form):
    """One date of an event, in the event's own wall-clock time."""

    occurrence = forms.IntegerField(widget=forms.HiddenInput, required=False)
    on = forms.DateField(label=_("Day"), widget=DateInput())
    starts = forms.TimeField(label=_("Starts"), widget=TimeInput())
    ends = forms.TimeField(label=_("Ends"), widget=TimeInput())
    capacity = forms.IntegerField(label=_("Places"), min_value=0, max_value=100_000, required=False)
    which = forms.ChoiceField(
        label=_("Which of the two?"),
        required=False,
        choices=[
            ("", _("Choose")),
            ("first", _("The first, before the clocks go back")),
            ("second", _("The second, after the clocks have gone back")),
        ],
    )

    zone: ZoneInfo | None = None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.zone is None or not all(data.get(name) for name in ("on", "starts", "ends")):
            return data
        on, starts_clock, ends_clock = data["on"], data["starts"], data["ends"]
        is_second = {"first": False, "second": True}.get(data.get("which", ""))
        starts = self._moment("starts", on, starts_clock, is_second)
        # What ends before it starts ends on the next day.
        last_day = on + timedelta(days=ends_clock <= starts_clock)
        if starts is not None:
            ends = self._moment("ends", last_day, ends_clock, True)
            if ends is not None and ends <= starts:
                self.add_error("ends", gettext("It must end after it starts."))
            data["starts_at"], data["ends_at"] = starts, ends
        return data

    def _moment(self, name: str, on: date, at: Any, is_second: bool | None) -> datetime | None:
        assert self.zone is not None
        try:
            return moment(on, at, self.zone, is_second=is_second)
        except NoSuchTimeError as skipped:
            self.add_error(name, no_such_time(skipped.instead, self.zone))
        except HappensTwiceError:
            self.add_error(
                "which",
                gettext(
                    "The clocks %(place)s go back on %(day)s, so this time happens twice. "
                    "Say which one you mean."
                )
                % {"place": place_of(self.zone.key), "day": day_words(on)},
            )
        return None

    @property
    def asks_which(self) -> bool:
        """Whether the hour happens twice, so that the question is shown."""
        return "which" in self.errors or bool(self["which"].value())


def day_words(on: date) -> str:
    return day(datetime.combine(on, datetime.min.time()))


def is_taken_out(form: DateForm) -> bool:
    return bool(form.cleaned_data.get("DELETE"))


class DateFormSet(BaseFormSet):  # type: ignore[type-arg]  # takes none at run time
    """All dates of an event. Written out, not made by the factory, so that types are checked."""

    form = DateForm
    renderer = get_default_renderer()
    extra = 0
    can_order = False
    can_delete = True
    can_delete_extra = True
    min_num = 0
    max_num = DATES_AT_ONCE
    absolute_max = DATES_AT_ONCE + 100
    validate_min = False
    validate_max = True
    edit_only = False

    def _construct_form(self, i: int, **kwargs: Any) -> DateForm:
        """A row left empty is no date and no mistake, also the one shown first."""
        form: DateForm = super()._construct_form(i, **kwargs)  # type: ignore[misc]  # not in stubs
        form.empty_permitted, form.use_required_attribute = True, False
        return form

    def read_in(self, zone: ZoneInfo | None) -> None:
        """Say in which zone the times are meant; without one they are not checked further."""
        for form in self.forms:
            form.zone = zone

    def clean(self) -> None:
        days: set[date] = set()
        for form in self.forms:
            on = form.cleaned_data.get("on") if hasattr(form, "cleaned_data") else None
            if on is None or is_taken_out(form):
                continue
            if on in days:
                form.add_error("on", gettext("There is already a date on this day."))
            days.add(on)

    @property
    def kept(self) -> list[dict[str, Any]]:
        """The rows somebody filled in and did not take out."""
        return [
            form.cleaned_data
            for form in self.forms
            if form.cleaned_data.get("on") and not is_taken_out(form)
        ]


def typed_in(data: QueryDict) -> dict[str, Any]:
    """What was typed into an event's form, unchecked, to show it again."""
    return {
        name: field.widget.value_from_datadict(data, MultiValueDict(), name)
        for name, field in EventForm.base_fields.items()
    }


def dates_of(event: Event, occurrences: Iterable[Occurrence]) -> list[dict[str, Any]]:
    """An event's dates as the form shows them."""
    return [
        {
            "occurrence": occurrence.pk,
            "on": occurrence.local_start.date(),
            "starts": occurrence.local_start.time(),
            "ends": occurrence.local_end.time(),
            "capacity": occurrence.capacity,
            "which": "second" if occurrence.local_start.fold else "",
        }
        for occurrence in occurrences
    ]


def party_of(rsvp: Rsvp) -> dict[str, Any]:
    """An RSVP's party as the form shows it."""
    return {"party_size": rsvp.party_size, "companions": "\n".join(rsvp.companions)}
