"""A worry, in words: the one place of the staff where there are any. Sealed, and read by two."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import StaffGrant, User


class ConcernForm(forms.Form):
    who = forms.CharField(
        label=_("Whom are you worried about?"),
        max_length=200,
        help_text=_("A name or an address, and how they can be reached."),
    )
    words = forms.CharField(
        label=_("What did you see or hear?"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("What was said or done, and when. Not what you think it means."),
    )


class StaffField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic when it runs
    def label_from_instance(self, obj: User) -> str:
        return obj.get_short_name()


class LeadsForm(forms.Form):
    lead = StaffField(label=_("Safeguarding lead"), queryset=User.objects.none())
    deputy = StaffField(label=_("Deputy"), queryset=User.objects.none())

    def __init__(self, *args: Any, at: dt.datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        staff = User.objects.filter(
            pk__in=StaffGrant.objects.active(at=at).values("user"), is_active=True
        ).order_by("name", "pk")
        for name in ("lead", "deputy"):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = staff

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("lead") and data.get("lead") == data.get("deputy"):
            self.add_error("deputy", _("Two different people: one of them may be away."))
        return data
