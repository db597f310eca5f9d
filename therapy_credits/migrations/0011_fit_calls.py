"""A free call before a first session, and what keeps calls and sessions of one practitioner apart.

An exclusion constraint looks at one table. Between two a trigger has to look, and
only a lock makes what it sees stay true: it takes the practitioner's row, as the
services do before it, so that two writers follow one another, whoever they are.
"""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

APART = """
CREATE FUNCTION therapy_credits_one_at_a_time() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_taken boolean;
BEGIN
    PERFORM 1 FROM therapy_credits_practitioner WHERE id = NEW.practitioner_id FOR NO KEY UPDATE;
    IF TG_TABLE_NAME = 'therapy_credits_fitcall' THEN
        SELECT EXISTS (SELECT FROM therapy_credits_booking AS other
            WHERE other.practitioner_id = NEW.practitioner_id
              AND other.status IN ('booked', 'attended', 'missed')
              AND tstzrange(other.starts_at, other.ends_at, '[)')
                  && tstzrange(NEW.starts_at, NEW.ends_at, '[)')) INTO is_taken;
    ELSE
        SELECT EXISTS (SELECT FROM therapy_credits_fitcall AS other
            WHERE other.practitioner_id = NEW.practitioner_id
              AND other.status = 'booked'
              AND tstzrange(other.starts_at, other.ends_at, '[)')
                  && tstzrange(NEW.starts_at, NEW.ends_at, '[)')) INTO is_taken;
    END IF;
    IF is_taken THEN
        RAISE EXCEPTION 'the practitioner has a call or a session at that time'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'calls_and_sessions_apart';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER calls_keep_apart
    AFTER INSERT OR UPDATE OF status, starts_at, ends_at, practitioner_id
    ON therapy_credits_fitcall
    FOR EACH ROW WHEN (NEW.status = 'booked')
    EXECUTE FUNCTION therapy_credits_one_at_a_time();
CREATE TRIGGER new_sessions_keep_apart
    AFTER INSERT ON therapy_credits_booking
    FOR EACH ROW WHEN (NEW.status IN ('booked', 'attended', 'missed'))
    EXECUTE FUNCTION therapy_credits_one_at_a_time();
-- A session that has its time already keeps it: confirming one locks nobody else's row.
CREATE TRIGGER sessions_keep_apart
    AFTER UPDATE OF status, starts_at, ends_at, practitioner_id ON therapy_credits_booking
    FOR EACH ROW
    WHEN (NEW.status IN ('booked', 'attended', 'missed')
          AND (OLD.status NOT IN ('booked', 'attended', 'missed')
               OR (OLD.starts_at, OLD.ends_at, OLD.practitioner_id)
                  IS DISTINCT FROM (NEW.starts_at, NEW.ends_at, NEW.practitioner_id)))
    EXECUTE FUNCTION therapy_credits_one_at_a_time();
"""

NOT_APART = """
DROP TRIGGER sessions_keep_apart ON therapy_credits_booking;
DROP TRIGGER new_sessions_keep_apart ON therapy_credits_booking;
DROP TRIGGER calls_keep_apart ON therapy_credits_fitcall;
DROP FUNCTION therapy_credits_one_at_a_time();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("therapy_credits", "0010_doors_concerns_alerts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FitCall",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(max_length=12, unique=True, verbose_name="reference"),
                ),
                ("request_id", models.UUIDField(unique=True)),
                ("subject", models.UUIDField(db_index=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("booked", "Booked"),
                            ("cancelled", "Cancelled by you"),
                            ("practice_cancelled", "Cancelled by the practice"),
                        ],
                        default="booked",
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
                ("starts_at", models.DateTimeField(verbose_name="starts")),
                ("ends_at", models.DateTimeField(verbose_name="ends")),
                ("join_url", models.URLField(blank=True, verbose_name="link to join")),
                ("sealed_name", models.TextField(blank=True)),
                ("sealed_contact", models.TextField(blank=True)),
                ("country", models.CharField(max_length=2)),
                ("region", models.CharField(blank=True, max_length=8)),
                ("language", models.CharField(max_length=12)),
                (
                    "format",
                    models.CharField(
                        choices=[("online", "Online"), ("in_person", "In person")],
                        max_length=10,
                        verbose_name="format",
                    ),
                ),
                ("booked_at", models.DateTimeField(verbose_name="booked")),
                (
                    "cancelled_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="cancelled"),
                ),
            ],
            options={
                "verbose_name": "first call",
                "verbose_name_plural": "first calls",
            },
        ),
        migrations.AddField(
            model_name="practitioner",
            name="fit_call_minutes",
            field=models.PositiveSmallIntegerField(
                choices=[
                    (0, "Not offered"),
                    (10, "10 minutes"),
                    (15, "15 minutes"),
                    (20, "20 minutes"),
                    (30, "30 minutes"),
                ],
                default=0,
                help_text="Before a first session, within the weekly hours. It is not paid for.",
                verbose_name="a free first call",
            ),
        ),
        migrations.AddConstraint(
            model_name="practitioner",
            constraint=models.CheckConstraint(
                condition=models.Q(("fit_call_minutes__in", [0, 10, 15, 20, 30])),
                name="practitioner_fit_call_length_known",
            ),
        ),
        migrations.AddField(
            model_name="fitcall",
            name="practitioner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="fit_calls",
                to="therapy_credits.practitioner",
            ),
        ),
        migrations.AddConstraint(
            model_name="fitcall",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cancelled_at", None), ("status", "booked")),
                    models.Q(
                        ("cancelled_at__isnull", False),
                        ("status__in", ["cancelled", "practice_cancelled"]),
                    ),
                    _connector="OR",
                ),
                name="fit_call_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="fitcall",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                name="fit_call_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="fitcall",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "booked")),
                fields=("subject", "practitioner"),
                name="fit_call_one_with_each_a_year",
            ),
        ),
        migrations.AddConstraint(
            model_name="fitcall",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("status", "booked")),
                expressions=[
                    (models.F("practitioner"), "="),
                    (
                        models.Func(
                            models.F("starts_at"),
                            models.F("ends_at"),
                            django.contrib.postgres.fields.ranges.RangeBoundary(),
                            function="TSTZRANGE",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="fit_call_practitioner_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="fitcall",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("status", "booked")),
                expressions=[
                    (models.F("subject"), "="),
                    (
                        models.Func(
                            models.F("starts_at"),
                            models.F("ends_at"),
                            django.contrib.postgres.fields.ranges.RangeBoundary(),
                            function="TSTZRANGE",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="fit_call_person_one_at_a_time",
            ),
        ),
        migrations.RunSQL(APART, NOT_APART),
    ]
