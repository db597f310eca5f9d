from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0004_seals"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="wants_plain_titles",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="plain titles in my calendar"
            ),
        ),
    ]
