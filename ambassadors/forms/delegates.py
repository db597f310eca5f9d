"""Who may handle somebody's dates."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class DelegateForm(forms.Form):
    email = forms.CharField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=_("Of your manager or assistant. We write to them; it begins when they say yes."),
    )
    until_on = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Leave it empty for no end. You can end it at any time."),
    )

    def __init__(self, *args: Any, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_until_on(self) -> dt.date | None:
        day: dt.date | None = self.cleaned_data["until_on"]
        if day and day < self.today:
            raise forms.ValidationError(_("This day is over. Choose today or a later day."))
        return day
