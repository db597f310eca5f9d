from django.db import migrations

# Asked by a statement that has locked the places of the date (events/services/at_once.py). A
# function of its own, since each of its queries sees what was committed while that statement
# waited for the lock; the statement itself sees what was there when it began.
ROOM = """
CREATE FUNCTION events_has_room(
    date bigint, revised timestamptz, written integer, people integer, free integer,
    now timestamptz
) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM events_occurrence AS occurrence
          JOIN events_event AS event ON event.id = occurrence.event_id
         WHERE occurrence.id = date AND occurrence.revised_at = revised
           AND event.version = written
           AND occurrence.cancelled_at IS NULL AND occurrence.starts_at > now
           AND event.status = 'published' AND coalesce(event.rsvp_opens_at <= now, true)
           AND coalesce(event.rsvp_closes_at > now, true)
    ) AND NOT EXISTS (
        SELECT FROM events_rsvp WHERE occurrence_id = date AND status = 'waitlisted'
    ) AND NOT EXISTS (
        SELECT FROM events_rsvp
         WHERE occurrence_id = date AND status IN ('offered', 'paying')
           AND hold_expires_at <= now
    ) AND (free IS NULL OR people <= free - (
        SELECT coalesce(sum(party_size), 0) FROM events_rsvp
         WHERE occurrence_id = date AND status IN ('pending', 'offered', 'paying')
           AND hold_expires_at > now
    ));
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0025_rsvps_can_be_forgotten")]

    operations = [migrations.RunSQL(ROOM, "DROP FUNCTION events_has_room")]
