"""Asking somebody to host, and what hosts say and change."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from events.models import Event, HostLevel


class AskHostForm(forms.Form):
    """Whom to ask, and what they may do. Whether it is an address is the service's to say."""

    email = forms.CharField(
        label=_("E-mail address"),
        help_text=_("They get a mail with a link, and host it once they have said yes."),
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "off"}),
    )
    level = forms.ChoiceField(
        label=_("What they may do"),
        choices=HostLevel.choices,
        initial=HostLevel.HOST,
        widget=forms.RadioSelect,
    )


class HostNameForm(forms.Form):
    """How the page of the event calls a host."""

    name = forms.CharField(
        label=_("Your name on the page"),
        help_text=_("A stage name is fine."),
        max_length=120,
    )
    is_shown = forms.BooleanField(
        label=_("Name me on the event's page"),
        help_text=_("Search engines and other sites may read it there."),
        required=False,
        initial=True,
    )


class HostWordsForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    """What a co-host may write. Dates, places, people's places and who sees it are not theirs."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Event
        fields = ["title", "summary", "body", "hosts", "access_notes", "content_notes"]
        widgets = {
            "body": forms.Textarea({"rows": 10}),
            "access_notes": forms.Textarea({"rows": 3}),
            "content_notes": forms.Textarea({"rows": 3}),
        }
        labels = {"hosts": _("Others who lead it")}
        help_texts = {
            "summary": _("One sentence for the list, the calendar and the feed."),
            "body": _("You can use Markdown: **bold**, lists, links."),
            "hosts": _("As you would say it on stage. Who has said yes here is named by itself."),
            "access_notes": _(
                "Steps, lifts, toilets, captions, interpreters, what you do not know."
            ),
            "content_notes": _("What somebody may want to know before they come."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["version"] = self.instance.version

    def clean(self) -> dict[str, Any]:
        # What only publishing asks for is the service's to refuse, field by field.
        self._validate_constraints = False
        return super().clean() or {}

    @property
    def words(self) -> dict[str, str]:
        """What the event says of itself, as the service takes it."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields}
