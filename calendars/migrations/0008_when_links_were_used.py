import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calendars", "0007_links_do_not_repeat")]

    operations = [
        migrations.CreateModel(
            name="FeedFetch",
            fields=[
                (
                    "link",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="fetch",
                        serialize=False,
                        to="calendars.feedtoken",
                        verbose_name="calendar link",
                    ),
                ),
                ("generation", models.PositiveIntegerField(verbose_name="generation")),
                ("fetched_at", models.DateTimeField(verbose_name="fetched")),
                (
                    "program",
                    models.CharField(blank=True, max_length=40, verbose_name="program"),
                ),
            ],
            options={
                "verbose_name": "use of a calendar link",
                "verbose_name_plural": "uses of calendar links",
                "indexes": [models.Index(fields=["fetched_at"], name="feed_fetch_by_time")],
            },
        )
    ]
