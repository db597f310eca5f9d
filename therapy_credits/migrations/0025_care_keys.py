"""The table of keys, and where they are to be named. What is sealed moves under them next."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("therapy_credits", "0024_rates_offered_when_verified"),
    ]

    operations = [
        migrations.CreateModel(
            name="CareKey",
            fields=[
                ("token", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("person_digest", models.CharField(blank=True, max_length=64, null=True, unique=True)),
                ("person", models.TextField(blank=True)),
                ("wrapped", models.TextField()),
            ],
            options={
                "verbose_name": "key of care",
                "verbose_name_plural": "keys of care",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("person", ""), ("person_digest__isnull", True)),
                            models.Q(
                                ("person_digest__isnull", False),
                                models.Q(("person", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="care_key_of_a_person_or_of_nobody",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="caredoor",
            name="key",
            field=models.UUIDField(editable=False, null=True),
        ),
        # Backwards, these are empty until the next migration has filled them.
        migrations.AlterField(
            model_name="subject",
            name="person_digest",
            field=models.CharField(max_length=64, null=True, unique=True),
        ),
        migrations.AlterField(
            model_name="subject",
            name="person",
            field=models.TextField(null=True),
        ),
        migrations.AlterField(
            model_name="booking",
            name="sealed_name",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="booking",
            name="sealed_contact",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="booking",
            name="country",
            field=models.CharField(blank=True, max_length=2),
        ),
    ]
