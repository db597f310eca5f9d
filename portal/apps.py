from django import forms
from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # An error says what to do; "This field is required." does not. Said once, for every form.
        for kind, words in (
            (forms.Field, _("Fill this in.")),
            (forms.ChoiceField, _("Choose one.")),
            (forms.MultipleChoiceField, _("Choose at least one.")),
            (forms.ModelChoiceField, _("Choose one.")),
            (forms.ModelMultipleChoiceField, _("Choose at least one.")),
            (forms.BooleanField, _("Tick this to go on.")),
            (forms.FileField, _("Choose a file.")),
        ):
            messages = {**kind.default_error_messages, "required": words}
            kind.default_error_messages = messages
