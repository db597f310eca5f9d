"""Agreement and consent texts, and what a role reaches, as administrators type them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ambassadors.models import AgreementVersion, Programme

_LONGEST = 60_000


class TextFields(forms.Form):
    """A text as people will read it."""

    title = forms.CharField(label=_("Title"), max_length=160)
    body = forms.CharField(
        label=_("Text"),
        max_length=_LONGEST,
        widget=forms.Textarea(attrs={"rows": 24}),
        help_text=_("You can use Markdown: ## headings, **bold**, lists, links."),
    )

    def clean_body(self) -> str:
        # One kind of line end, so that the hash is that of what was read and not of a browser.
        return str(self.cleaned_data["body"]).replace("\r\n", "\n").strip() + "\n"


class NewVersionForm(TextFields):
    is_material = forms.TypedChoiceField(
        label=_("Does it change what people said yes to?"),
        choices=[
            ("yes", _("Yes: ask everybody who agreed before again")),
            ("no", _("No: better words or a corrected mistake, nothing else")),
        ],
        widget=forms.RadioSelect,
        coerce=lambda value: value == "yes",
    )


class TranslationForm(TextFields):
    locale = forms.ChoiceField(label=_("Language"))

    def __init__(self, *args: Any, version: AgreementVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        there = {text.locale for text in version.texts.all()}
        locale = self.fields["locale"]
        assert isinstance(locale, forms.ChoiceField)
        locale.choices = [(code, name) for code, name in settings.LANGUAGES if code not in there]
        self.order_fields(["locale", "title", "body"])


class ReviewedForm(forms.Form):
    """Who read a text and stands for it."""

    reviewed_by = forms.CharField(
        label=_("Reviewed by"),
        max_length=120,
        help_text=_("The person who stands for the words, such as counsel. Readers see the name."),
    )
    reviewed_on = forms.DateField(
        label=_("Reviewed on"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )

    def clean_reviewed_on(self) -> Any:
        day = self.cleaned_data["reviewed_on"]
        if day > timezone.now().date():
            raise forms.ValidationError(_("This day is still to come. Choose the day it was read."))
        return day


class ReachForm(forms.Form):
    """All programmes, or some."""

    all_programmes = forms.TypedChoiceField(
        label=_("This role reaches"),
        choices=[
            ("yes", _("Every programme, also those still to come")),
            ("no", _("Only the programmes ticked below")),
        ],
        widget=forms.RadioSelect,
        coerce=lambda value: value == "yes",
    )
    programmes = forms.ModelMultipleChoiceField(
        label=_("Programmes"),
        queryset=Programme.objects.order_by("name"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("all_programmes") is False and not data.get("programmes"):
            self.add_error(
                "programmes", _("Choose at least one programme, or withdraw the role instead.")
            )
        return data
