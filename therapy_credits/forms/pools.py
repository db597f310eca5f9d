"""What staff type about pools. Amounts are typed as people write them and leave as minor units."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from babel.core import Locale
from django import forms
from django.core.validators import MinValueValidator
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from ambassadors.models import Term
from common import money
from therapy_credits.domain.missed import MissedRule
from therapy_credits.models import Adjustment, Expiry, Policy, Pool, Practice, ServiceType

_KNOWN = Locale("en")
MOST_UNITS = 1_000_000
MOST_AMOUNT = Decimal(1_000_000_000)


def to_minor(amount: Decimal, currency: str) -> int:
    """An amount as typed, in whole minor units. ValidationError where it has too many decimals."""
    try:
        return money.to_minor(amount, currency)
    except money.TooManyDecimals as wrong:
        raise forms.ValidationError(
            _("%(currency)s has %(places)s digits after the point."),
            params={"currency": currency, "places": wrong.places},
        ) from None


class LimitsForm(forms.Form):
    """For whom and for what a pool pays, beside its country."""

    networks = forms.MultipleChoiceField(
        label=_("Only practices of these networks"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None marked: every practice of the country."),
    )
    kinds = forms.MultipleChoiceField(
        label=_("Only these kinds of session"),
        choices=ServiceType.Kind.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None marked: every kind."),
    )

    # A pool that these are to be narrower than.
    within: Pool | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = set(Practice.objects.exclude(network="").values_list("network", flat=True))
        known |= set(self.initial.get("networks", ()))
        if self.within and self.within.networks:
            known &= set(self.within.networks)
        field = self.fields["networks"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(name, name) for name in sorted(known)]
        if not known:
            del self.fields["networks"]
        if self.within and self.within.kinds:
            field = self.fields["kinds"]
            assert isinstance(field, forms.MultipleChoiceField)
            field.choices = [
                (kind, kind.label) for kind in ServiceType.Kind if kind in self.within.kinds
            ]


class PoolForm(LimitsForm):
    name = forms.CharField(
        label=_("Name of the pool"),
        max_length=120,
        help_text=_("As staff will know it. Ambassadors and practices never see it."),
    )
    partner = forms.CharField(label=_("Partner who pays"), max_length=120)
    country = forms.CharField(
        label=_("Country"),
        min_length=2,
        max_length=2,
        help_text=_("Where its sessions take place, in two letters, for example GB."),
    )
    currency = forms.CharField(
        label=_("Currency"),
        min_length=3,
        max_length=3,
        help_text=_("Three letters, for example GBP. It cannot be changed later."),
    )
    ceiling_price = forms.DecimalField(
        label=_("Ceiling price of a session"),
        min_value=Decimal("0.01"),
        max_value=Decimal(1_000_000),
        help_text=_("The most one session may cost. Every session in the pool is paid for at it."),
    )
    goodwill_percent = forms.IntegerField(
        label=_("Kept back for goodwill, in percent"),
        min_value=0,
        max_value=50,
        initial=5,
        help_text=_("Never allocated: for a first missed session, and for finishing care."),
    )

    field_order = (
        "name",
        "partner",
        "country",
        "currency",
        "ceiling_price",
        "goodwill_percent",
        "networks",
        "kinds",
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Pool.objects.filter(name=name).exists():
            raise forms.ValidationError(
                _("There is a pool with this name already. Choose another name.")
            )
        return name

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        if country not in _KNOWN.territories or not country.isalpha():
            raise forms.ValidationError(
                _("This is not a country code. Write two letters, for example GB or US.")
            )
        return country

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].upper()
        if currency not in _KNOWN.currencies:
            raise forms.ValidationError(
                _("This is not a currency code. Write three letters, for example GBP or USD.")
            )
        return currency

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if {"ceiling_price", "currency"} <= data.keys():
            price = data.pop("ceiling_price")
            try:
                data["ceiling_price_minor"] = to_minor(price, data["currency"])
            except forms.ValidationError as error:
                self.add_error("ceiling_price", error)
        return data


class FundingForm(forms.Form):
    units = forms.IntegerField(
        label=_("Sessions"),
        min_value=1,
        max_value=MOST_UNITS,
        help_text=_("How many sessions this payment buys."),
    )
    amount = forms.DecimalField(label=_("Amount"), min_value=Decimal(1), max_value=MOST_AMOUNT)
    reference = forms.CharField(
        label=_("Reference"),
        max_length=80,
        help_text=_("The number of the agreement or of the bank line."),
    )
    # The id of the transfer to be: sent twice, it is one funding.
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)

    def __init__(self, *args: Any, pool: Pool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pool = pool
        self.fields["amount"].label = _("Amount in %(currency)s") % {"currency": pool.currency}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "amount" in data:
            amount = data.pop("amount")
            try:
                data["amount_minor"] = to_minor(amount, self.pool.currency)
            except forms.ValidationError as error:
                self.add_error("amount", error)
        return data


class AlertForm(forms.Form):
    address = forms.EmailField(
        label=_("Address of the partner"),
        required=False,
        max_length=254,
        help_text=_("Finance is told in any case. Empty: nobody of the partner is."),
    )


class HandBackForm(forms.Form):
    """Sessions that nobody was given, back to the partner."""

    units = forms.IntegerField(label=_("Sessions to hand back"), min_value=1)
    ground = forms.ChoiceField(
        label=_("Why"),
        choices=[
            (ground, ground.label)
            for ground in (Adjustment.Ground.AGREEMENT_ENDED, Adjustment.Ground.WRONG_ENTRY)
        ],
        widget=forms.RadioSelect,
        initial=Adjustment.Ground.AGREEMENT_ENDED,
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)

    def __init__(self, *args: Any, most: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.most = most

    def clean_units(self) -> int:
        units: int = self.cleaned_data["units"]
        if units > self.most:
            raise forms.ValidationError(
                _("At most %(most)s can go back now."), params={"most": self.most}
            )
        return units


class UndoChargeForm(forms.Form):
    """One charge, by its reference. Nothing about whose it was."""

    reference = forms.CharField(
        label=_("Reference of the booking or code"),
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    units = forms.IntegerField(label=_("Sessions to give back"), min_value=1, initial=1)
    ground = forms.ChoiceField(
        label=_("Why"),
        choices=[
            (ground, ground.label)
            for ground in (
                Adjustment.Ground.NOT_HELD,
                Adjustment.Ground.WRONG_ENTRY,
                Adjustment.Ground.TWICE,
            )
        ],
        widget=forms.RadioSelect,
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)

    def clean_reference(self) -> str:
        reference: str = self.cleaned_data["reference"]
        return reference.strip().upper()


class MissedRulesForm(forms.Form):
    """A table of up to four lines: from which miss on, how much notice, what it means."""

    LINES = 4
    needs_a_line = True

    def __init__(self, *args: Any, rules: Sequence[MissedRule], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cleaned_rules: list[MissedRule] = []
        for line in range(self.LINES):
            rule = rules[line] if line < len(rules) else None
            self._add_line(line, rule)

    def _add_line(self, line: int, rule: MissedRule | None) -> None:
        needed = self.needs_a_line and line == 0
        asked = {
            "nth": (_("From which miss on"), 1, 99, rule and rule.nth),
            "notice": (
                _("Hours of notice that are in time"),
                0,
                168,
                rule and rule.notice_hours,
            ),
            "units": (_("Sessions charged to the person"), 0, 9, rule and rule.units_charged),
            "fee": (_("Of its rate to the practice, in %"), 0, 100, rule and rule.fee_percent),
        }
        for name, (label, least, most, initial) in asked.items():
            self.fields[f"{name}_{line}"] = forms.IntegerField(
                label=label, min_value=least, max_value=most, initial=initial, required=needed
            )

    def lines(self) -> list[list[forms.BoundField]]:
        """The fields by line, for the table on the page."""
        return [
            [self[f"{name}_{line}"] for name in ("nth", "notice", "units", "fee")]
            for line in range(self.LINES)
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for line in range(self.LINES):
            asked = [data.get(f"{name}_{line}") for name in ("nth", "notice", "units", "fee")]
            values = [value for value in asked if value is not None]
            if not values:
                continue
            if len(values) < len(asked):
                self.add_error(f"nth_{line}", _("Fill this line in whole, or leave it empty."))
                continue
            nth, notice, units, fee = values
            self.cleaned_rules.append(MissedRule(nth, dt.timedelta(hours=notice), units, fee))
        firsts = [rule.nth for rule in self.cleaned_rules]
        if firsts and firsts[0] != 1:
            self.add_error("nth_0", _("The first line begins with the first miss: write 1."))
        if len(set(firsts)) < len(firsts) or firsts != sorted(firsts):
            self.add_error(None, _("Each line begins later than the one before."))
        return data


class PolicyMissedRulesForm(MissedRulesForm):
    """The same table for what one policy gives. Nothing written: as in the pool."""

    needs_a_line = False


class TermField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic when it runs
    def label_from_instance(self, obj: Term) -> str:
        return f"{obj.programme} · {obj}"


class PolicyForm(LimitsForm):
    term = TermField(
        label=_("Term"),
        queryset=Term.objects.none(),
        empty_label=_("Choose a term"),
        help_text=_("Everybody active in it is given the sessions, once."),
    )
    units = forms.IntegerField(
        label=_("Sessions for each ambassador"), min_value=1, max_value=100, initial=6
    )
    expiry_days = forms.IntegerField(
        label=_("Days they are good for"), min_value=1, max_value=1100, initial=365
    )
    expiry = forms.ChoiceField(
        label=_("Counted"),
        choices=Expiry.choices,
        initial=Expiry.ALLOCATION,
        widget=forms.RadioSelect,
    )
    priority = forms.IntegerField(
        label=_("Priority"),
        min_value=0,
        max_value=100,
        initial=50,
        help_text=_(
            "0 to 100. Where somebody has sessions of several kinds, the lowest is used first."
        ),
    )
    goodwill_percent = forms.IntegerField(
        label=_("Kept back for goodwill, in percent"),
        required=False,
        max_value=50,
    )
    is_paused = forms.BooleanField(
        label=_("Give nothing for now"),
        required=False,
        help_text=_("What was given stays."),
    )

    field_order = (
        "term",
        "units",
        "expiry_days",
        "expiry",
        "priority",
        "networks",
        "kinds",
        "goodwill_percent",
        "is_paused",
    )

    def __init__(self, *args: Any, pool: Pool, policy: Policy | None = None, **kwargs: Any) -> None:
        self.within = pool
        if policy:
            kwargs["initial"] = _as_typed(policy)
        super().__init__(*args, **kwargs)
        for name in self.fields.keys() & {"networks", "kinds"}:
            self.fields[name].help_text = _("None marked: as in the pool.")
        self._ask_for_no_less_than(pool.goodwill_percent)
        if policy:
            del self.fields["term"]
        else:
            self.fields["term"].queryset = (  # type: ignore[attr-defined]  # a ModelChoiceField
                Term.objects.filter(ended_at__isnull=True)
                .select_related("programme")
                .order_by("programme__name", "-starts_on")
            )

    def _ask_for_no_less_than(self, percent: int) -> None:
        field = self.fields["goodwill_percent"]
        assert isinstance(field, forms.IntegerField)
        field.validators.append(MinValueValidator(percent))
        field.widget.attrs["min"] = percent
        field.help_text = _(
            "Empty: as in the pool, %(percent)s. More leaves more in it when this policy gives."
        ) % {"percent": percent}


def _as_typed(policy: Policy) -> dict[str, Any]:
    """What the form shows of a policy that there is."""
    names = ("units", "expiry_days", "expiry", "priority", "goodwill_percent")
    limits = policy.limits
    return {
        **{name: getattr(policy, name) for name in names},
        "networks": limits.networks if limits else [],
        "kinds": limits.kinds if limits else [],
        "is_paused": policy.paused_at is not None,
    }
