import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

LOOK = {
    "on_delete": django.db.models.deletion.PROTECT,
    "related_name": "+",
    "to": settings.AUTH_USER_MODEL,
    "null": True,
    "blank": True,
}


class Migration(migrations.Migration):
    dependencies = [
        ("therapy_credits", "0021_missed_sessions_as_given"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("servicetype", "checked_by", models.ForeignKey(**LOOK)),
        migrations.AddField(
            "servicetype",
            "checked_at",
            models.DateTimeField(blank=True, null=True, verbose_name="checked"),
        ),
        migrations.AddField("servicetype", "confirmed_by", models.ForeignKey(**LOOK)),
        migrations.AddField(
            "servicetype",
            "confirmed_at",
            models.DateTimeField(
                blank=True, null=True, verbose_name="checked by a second person"
            ),
        ),
        migrations.AddConstraint(
            "servicetype",
            models.CheckConstraint(
                condition=Q(checked_by=None, checked_at=None)
                | Q(checked_by__isnull=False, checked_at__isnull=False),
                name="servicetype_check_has_a_person_and_a_time",
            ),
        ),
        migrations.AddConstraint(
            "servicetype",
            models.CheckConstraint(
                condition=Q(confirmed_by=None, confirmed_at=None)
                | (
                    Q(confirmed_by__isnull=False, confirmed_at__isnull=False)
                    & Q(checked_by__isnull=False)
                    & ~Q(confirmed_by=F("checked_by"))
                ),
                name="servicetype_verified_by_two_people",
            ),
        ),
    ]
