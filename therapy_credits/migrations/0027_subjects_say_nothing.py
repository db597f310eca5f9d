"""Who is behind a token stands in the table of keys alone."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("therapy_credits", "0026_told_under_care_keys"),
    ]

    operations = [
        migrations.RemoveField(model_name="subject", name="person_digest"),
        migrations.RemoveField(model_name="subject", name="person"),
        migrations.AlterField(
            model_name="caredoor",
            name="key",
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
    ]
