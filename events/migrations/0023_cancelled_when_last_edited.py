from django.db import migrations

# Nothing is edited after it was cancelled, so that was its last edit.
WHEN = """
    UPDATE events_event SET cancelled_at = coalesce(edited_at, published_at)
    WHERE status = 'cancelled' AND cancelled_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0022_when_an_event_was_cancelled")]

    operations = [migrations.RunSQL(WHEN, migrations.RunSQL.noop)]
