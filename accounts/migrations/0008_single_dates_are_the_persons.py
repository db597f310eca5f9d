from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_coordinator_or_care")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="wants_single_dates",
            field=models.BooleanField(
                db_default=False,
                default=False,
                verbose_name="each date of what comes back by itself in my calendar",
            ),
        ),
    ]
