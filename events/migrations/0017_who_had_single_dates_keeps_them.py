from django.db import migrations

# Their mails had each date by itself, so that is what their calendars hold.
SINGLE = """
    UPDATE events_seriesrsvp SET is_repeating = false;
    UPDATE accounts_user SET wants_single_dates = true
    WHERE id IN (SELECT user_id FROM events_seriesrsvp WHERE status = 'active');
    UPDATE events_rsvp AS rsvp SET series_rsvp_id = one.id
    FROM events_seriesrsvp AS one, events_occurrence AS date
    WHERE one.status = 'active' AND date.id = rsvp.occurrence_id
        AND date.event_id = one.event_id AND date.series_id IS NOT NULL
        AND rsvp.placed_at >= one.placed_at
        AND (rsvp.user_id = one.user_id
            OR (one.user_id IS NULL AND lower(rsvp.guest_email) = lower(one.guest_email)))
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_single_dates_are_the_persons"),
        ("events", "0016_one_entry_for_what_repeats"),
    ]

    operations = [migrations.RunSQL(SINGLE, migrations.RunSQL.noop)]
