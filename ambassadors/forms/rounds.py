"""Rounds and what they ask, applications, reviews and decisions, as people type them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.validators import URLValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.forms import validate_showable
from ambassadors.domain.files import LARGEST_BYTES
from ambassadors.errors import FileTooLarge
from ambassadors.forms.enrolments import zone_choices
from ambassadors.models import Application, Criterion, Question, Review, Round

if TYPE_CHECKING:  # generic for the type checker only
    RoundModelForm = forms.ModelForm[Round]
    QuestionModelForm = forms.ModelForm[Question]
    CriterionModelForm = forms.ModelForm[Criterion]
else:
    RoundModelForm = QuestionModelForm = CriterionModelForm = forms.ModelForm

_CLOCK = "%Y-%m-%dT%H:%M"


class ClockField(forms.DateTimeField):
    """A date and a time on the wall clock of a zone that the form names; kept naive here."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(format=_CLOCK, attrs={"type": "datetime-local"})
        super().__init__(widget=widget, input_formats=[_CLOCK, "%Y-%m-%d %H:%M"], **kwargs)

    def to_python(self, value: Any) -> Any:
        with timezone.override(dt.UTC):
            read = super().to_python(value)
        return read.replace(tzinfo=None) if isinstance(read, dt.datetime) else read


class RoundForm(RoundModelForm):
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=zone_choices,
        help_text=_("Of the times below. People see it beside them."),
    )
    opens_at = ClockField(label=_("Opens"))
    closes_at = ClockField(label=_("Closes"))

    class Meta:
        model = Round
        fields = [
            "name",
            "intro",
            "time_zone",
            "opens_at",
            "closes_at",
            "is_blind",
            "reviews_wanted",
        ]
        labels = {
            "name": _("Name"),
            "intro": _("Introduction"),
            "is_blind": _("Hide names until the decision"),
            "reviews_wanted": _("Reviews of each application"),
        }
        help_texts = {
            "name": _("For example: Spring 2027."),
            "intro": _("What people should know before they begin. You can use Markdown."),
            "is_blind": _(
                "Names, links and answers that may show who it is stay hidden from everybody who"
                " reads or decides."
            ),
        }

    field_order = ["name", "intro", "time_zone", "opens_at", "closes_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for field in ("opens_at", "closes_at"):
                moment = getattr(self.instance, field).astimezone(self.instance.zone)
                self.initial[field] = moment.replace(tzinfo=None).strftime(_CLOCK)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        zone = data.get("time_zone")
        if zone:
            for field in ("opens_at", "closes_at"):
                if data.get(field):
                    data[field] = data[field].replace(tzinfo=ZoneInfo(zone))
        opens, closes = data.get("opens_at"), data.get("closes_at")
        if opens and closes and closes <= opens:
            self.add_error("closes_at", _("It closes before it opens. Choose a later time."))
        announce = self.instance.announce_at
        if closes and announce and announce < closes:
            self.add_error("closes_at", _("Decisions are mailed before this. Move that first."))
        name = data.get("name")
        same = Round.objects.filter(term=self.instance.term_id, name=name)
        if name and same.exclude(pk=self.instance.pk).exists():
            self.add_error("name", _("The term has a round with this name. Choose another."))
        return data

    @property
    def changed_fields(self) -> list[str]:
        changed = set(self.changed_data)
        # A time on another zone's clock is another moment.
        return sorted(changed | {"opens_at", "closes_at"} if "time_zone" in changed else changed)


class QuestionForm(QuestionModelForm):
    class Meta:
        model = Question
        fields = [
            "kind",
            "text",
            "help",
            "is_required",
            "names_person",
            "choices",
            "expected",
            "kind_words",
        ]
        labels = {
            "kind": _("Kind of answer"),
            "text": _("Question"),
            "help": _("Hint below it"),
            "is_required": _("It has to be answered"),
            "names_person": _("The answer may show who somebody is"),
            "choices": _("Choices"),
            "expected": _("Who can apply answers"),
            "kind_words": _("What the others are told"),
        }
        help_texts = {
            "names_person": _("It is then hidden while names are hidden."),
            "choices": _("One to a line. Only for “one of several”."),
            "expected": _("Only for eligibility."),
            "kind_words": _(
                "Only for eligibility: say kindly why it does not fit, and where else to go."
            ),
        }
        widgets = {"choices": forms.Textarea(attrs={"rows": 4})}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        kind = data.get("kind")
        if kind == Question.Kind.CHOICE and len((data.get("choices") or "").split("\n")) < 2:
            self.add_error("choices", _("Write at least two choices, one to a line."))
        if kind == Question.Kind.ELIGIBILITY:
            if not data.get("expected"):
                self.add_error("expected", _("Say which answer lets people apply."))
            if not data.get("kind_words"):
                self.add_error("kind_words", _("Say something kind to those who cannot apply."))
        else:
            data["expected"] = ""
        return data


class CriterionForm(CriterionModelForm):
    class Meta:
        model = Criterion
        fields = ["name", "help", "weight"]
        labels = {"name": _("Criterion"), "help": _("What one to five mean"), "weight": _("Weight")}
        help_texts = {"weight": _("One to five. A criterion of weight 2 counts twice.")}


class ReviewerForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address of the reviewer"),
        help_text=_("Of somebody with an account here. They need no role."),
    )


class AnnounceForm(forms.Form):
    """When everybody is told, on the clock of the round."""

    announce_at = ClockField(label=_("Decisions are mailed"))

    def __init__(self, *args: Any, round: Round, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.round = round
        self.fields["announce_at"].help_text = _("Everybody at the same time, in %(zone)s.") % {
            "zone": round.time_zone
        }

    def clean_announce_at(self) -> dt.datetime:
        moment: dt.datetime = self.cleaned_data["announce_at"].replace(tzinfo=self.round.zone)
        if moment < self.round.closes_at:
            raise forms.ValidationError(_("That is before the round closes. Choose a later time."))
        return moment


def _yes_or_no(label: Any, help_text: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        help_text=help_text,
        choices=Question.Answer.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose yes or no.")},
    )


class EligibilityForm(forms.Form):
    """What decides at once whether one can apply. Nothing of it is kept."""

    def __init__(self, *args: Any, questions: list[Question], ask_age: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.questions = questions
        if ask_age:
            self.fields["is_adult"] = _yes_or_no(
                _("Are you 18 or over?"), _("We keep only that you said yes, never a birth date.")
            )
        for question in questions:
            self.fields[f"q{question.pk}"] = _yes_or_no(question.text, question.help)

    @property
    def says_adult(self) -> bool:
        return bool(self.cleaned_data.get("is_adult", "yes") == "yes")

    @property
    def reasons_against(self) -> list[str]:
        """What to tell somebody who cannot apply; empty for who can."""
        return [
            question.kind_words
            for question in self.questions
            if self.cleaned_data[f"q{question.pk}"] != question.expected
        ]


class ApplicationForm(forms.Form):
    """Name and answers. A draft may be as empty as it likes; files go by themselves."""

    name = forms.CharField(
        label=_("Stage name"),
        max_length=120,
        help_text=_("As you write it, in any script. Reviewers do not see it before they decide."),
        validators=[validate_showable],
    )

    def __init__(
        self, *args: Any, application: Application, questions: list[Question], **kwargs: Any
    ) -> None:
        initial = {
            "name": application.name,
            **{f"q{key}": value for key, value in application.answers.items()},
        }
        super().__init__(*args, **{**kwargs, "initial": initial})
        if not application.round.is_blind:
            self.fields["name"].help_text = _("As you write it, in any script.")
        self.questions = [row for row in questions if row.kind != Question.Kind.FILE]
        for question in self.questions:
            self.fields[f"q{question.pk}"] = _field_for(question)

    def make_draft(self) -> None:
        """Let everything be empty: it is only kept, not sent."""
        for field in self.fields.values():
            field.required = False

    @property
    def answers(self) -> dict[str, str]:
        return {
            str(question.pk): str(self.cleaned_data.get(f"q{question.pk}", "")).strip()
            for question in self.questions
        }


def _field_for(question: Question) -> forms.Field:
    words: dict[str, Any] = {
        "label": question.text,
        "help_text": question.help,
        "required": question.is_required,
    }
    match question.kind:
        case Question.Kind.LONG:
            return forms.CharField(
                max_length=6000, widget=forms.Textarea(attrs={"rows": 8}), **words
            )
        case Question.Kind.CHOICE:
            choices = [(option, option) for option in question.options]
            return forms.ChoiceField(choices=choices, widget=forms.RadioSelect, **words)
        case Question.Kind.LINK:
            http = URLValidator(schemes=["http", "https"])
            return forms.CharField(
                max_length=500,
                validators=[http],
                widget=forms.URLInput(attrs={"placeholder": "https://"}),
                **words,
            )
    return forms.CharField(max_length=300, **words)


class FileForm(forms.Form):
    file = forms.FileField(
        widget=forms.FileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg"}),
        error_messages={"empty": _("The file is empty. Choose another.")},
    )

    def __init__(self, *args: Any, question: Question, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "prefix": f"f{question.pk}"})
        self.question = question
        self.fields["file"].label = question.text
        limits = _("PDF, PNG or JPEG, up to 5 MB.")
        self.fields["file"].help_text = f"{question.help} {limits}".strip()

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_BYTES:
            raise forms.ValidationError(str(FileTooLarge()))
        return file


class ReviewForm(forms.Form):
    """One to five for each line of the rubric, an advice, and words for the other readers."""

    def __init__(
        self, *args: Any, criteria: list[Criterion], review: Review | None, **kwargs: Any
    ) -> None:
        initial: dict[str, Any] = {}
        if review is not None and not review.has_conflict:
            initial = {f"c{key}": str(value) for key, value in review.scores.items()}
            initial |= {"advice": review.advice, "comment": review.comment}
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.criteria = criteria
        for criterion in criteria:
            self.fields[f"c{criterion.pk}"] = forms.TypedChoiceField(
                label=criterion.name,
                help_text=criterion.help or _("1 is weak, 5 is strong."),
                choices=[("", _("Choose")), *((str(n), str(n)) for n in range(1, 6))],
                coerce=int,
            )
        self.fields["advice"] = forms.ChoiceField(
            label=_("Should they get a place?"),
            choices=Review.Advice.choices,
            widget=forms.RadioSelect,
        )
        self.fields["comment"] = forms.CharField(
            label=_("Comment"),
            help_text=_(
                "For the other readers. About the application, never about anybody's health; the"
                " person can ask to read it."
            ),
            max_length=2000,
            required=False,
            widget=forms.Textarea(attrs={"rows": 4}),
        )

    @property
    def scores(self) -> dict[int, int]:
        return {row.pk: self.cleaned_data[f"c{row.pk}"] for row in self.criteria}


DECISIONS = [
    (Application.Status.APPROVED.value, _("Approve")),
    (Application.Status.WAITLISTED.value, _("Waiting list")),
    (Application.Status.DECLINED.value, _("Decline")),
]


class DecisionForm(forms.Form):
    status = forms.ChoiceField(label=_("Decision"), choices=DECISIONS, widget=forms.RadioSelect)
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[("", _("Choose a reason")), *Application.Reason.choices],
        help_text=_("The person reads it."),
    )
    note = forms.CharField(
        label=_("A line to the person"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("They read it with the decision."),
    )
    seen_version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class BulkForm(forms.Form):
    """The same decision for several: those ticked, or all that the list shows."""

    which = forms.ChoiceField(choices=[("ticked", ""), ("all", "")])
    status = forms.ChoiceField(label=_("Decision"), choices=DECISIONS)
    reason = forms.ChoiceField(
        label=_("Reason"), choices=[("", _("Choose a reason")), *Application.Reason.choices]
    )
