from django.db import migrations

TO_THE_PERSON = """
    UPDATE accounts_user SET wants_plain_titles = true
    WHERE id IN (SELECT user_id FROM calendars_feedtoken WHERE is_discreet)
"""
TO_THE_LINK = """
    UPDATE calendars_feedtoken SET is_discreet = true
    WHERE user_id IN (SELECT id FROM accounts_user WHERE wants_plain_titles)
"""


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0005_plain_titles"),
        ("calendars", "0001_feeds"),
    ]

    operations = [migrations.RunSQL(TO_THE_PERSON, TO_THE_LINK)]
