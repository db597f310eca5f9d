from django.db import migrations

# Who had each date by itself keeps it.
TO_THE_PERSON = """
    UPDATE accounts_user SET wants_single_dates = true
    WHERE id IN (SELECT user_id FROM calendars_feedtoken WHERE NOT is_repeating)
"""
TO_THE_LINK = """
    UPDATE calendars_feedtoken SET is_repeating = true
    WHERE user_id IN (SELECT id FROM accounts_user WHERE NOT wants_single_dates)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_single_dates_are_the_persons"),
        ("calendars", "0005_repeating_entries"),
    ]

    operations = [migrations.RunSQL(TO_THE_PERSON, TO_THE_LINK)]
