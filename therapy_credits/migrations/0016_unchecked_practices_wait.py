"""Practices that one person opened wait for two people to look. What is booked stays booked."""

from django.db import migrations


def wait(apps, schema_editor):
    unchecked = apps.get_model("therapy_credits", "Practice").objects.filter(
        status__in=["active", "paused"], confirmed_by=None
    )
    unchecked.update(status="pending", paused_by_itself=False)


class Migration(migrations.Migration):
    dependencies = [("therapy_credits", "0015_practice_checked_by_two")]

    # Back again they stay closed: who had opened them is in the audit trail.
    operations = [migrations.RunPython(wait, migrations.RunPython.noop, elidable=True)]
