from django.apps import AppConfig


class TherapyCreditsConfig(AppConfig):
    name = "therapy_credits"
    default_auto_field = "django.db.models.BigAutoField"
