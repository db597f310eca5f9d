from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("therapy_credits", "0016_unchecked_practices_wait")]

    operations = [
        migrations.AddConstraint(
            "practice",
            models.CheckConstraint(
                condition=Q(status__in=["pending", "ended"]) | Q(confirmed_by__isnull=False),
                name="practice_open_only_when_verified",
            ),
        ),
    ]
