"""Files are kept in another way from the next migration on.

One that was not imported yet changed nothing; it is let go of, and is uploaded again. An import
under way no longer needs its file and goes on.
"""

from django.db import migrations

_FORGET = """
    DELETE FROM ambassadors_rosterrow WHERE roster_id IN
        (SELECT id FROM ambassadors_rosterimport WHERE state NOT IN ('importing', 'done'));
    DELETE FROM ambassadors_rosterimport WHERE state NOT IN ('importing', 'done');
"""


class Migration(migrations.Migration):
    dependencies = [("ambassadors", "0013_country_asked_when_joining")]

    operations = [migrations.RunSQL(_FORGET, _FORGET)]
