from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("therapy_credits", "0023_rates_looked_at_with_their_practice")]

    operations = [
        migrations.AlterField(
            "servicetype",
            "is_active",
            models.BooleanField(default=False, verbose_name="offered"),
        ),
        migrations.AddConstraint(
            "servicetype",
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(confirmed_by__isnull=False),
                name="service_offered_only_when_verified",
            ),
        ),
    ]
