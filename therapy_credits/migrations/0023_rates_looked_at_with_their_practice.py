"""What a practice offers was looked at with it. Where two people have not, it waits for them."""

from django.db import migrations
from django.db.models import OuterRef, Subquery

LOOKS = ["checked_by", "checked_at", "confirmed_by", "confirmed_at"]


def take_over(apps, schema_editor):
    services = apps.get_model("therapy_credits", "ServiceType").objects
    practices = apps.get_model("therapy_credits", "Practice").objects.filter(
        pk=OuterRef("practice")
    )
    services.update(**{look: Subquery(practices.values(look)) for look in LOOKS})
    services.filter(confirmed_by=None).update(is_active=False)


def offer_all(apps, schema_editor):
    services = apps.get_model("therapy_credits", "ServiceType").objects
    services.filter(confirmed_by=None).update(is_active=True)


class Migration(migrations.Migration):
    dependencies = [("therapy_credits", "0022_rates_checked_by_two")]

    operations = [migrations.RunPython(take_over, offer_all, elidable=True)]
