"""What sessions were given for stays so, whatever code there is.

A row of limits does not change; a lot keeps its limits, which are of its own pool; and
what follows from a lot (a gift, a gift undone, a lot of grace) has the same ones.
"""

from django.db import migrations

OF_THE_POOL = """
ALTER TABLE therapy_credits_account
    ADD CONSTRAINT account_limits_are_of_its_pool FOREIGN KEY (limits_id, pool_id)
    REFERENCES therapy_credits_limits (id, pool_id);
ALTER TABLE therapy_credits_policy
    ADD CONSTRAINT policy_limits_are_of_its_pool FOREIGN KEY (limits_id, pool_id)
    REFERENCES therapy_credits_limits (id, pool_id);
"""

OF_ANY_POOL = """
ALTER TABLE therapy_credits_policy DROP CONSTRAINT policy_limits_are_of_its_pool;
ALTER TABLE therapy_credits_account DROP CONSTRAINT account_limits_are_of_its_pool;
"""

FOR_GOOD = """
CREATE TRIGGER limits_are_for_good
    BEFORE UPDATE OR DELETE ON therapy_credits_limits
    FOR EACH ROW EXECUTE FUNCTION therapy_credits_refuse('a policy that changes has others');
CREATE TRIGGER account_keeps_its_limits
    BEFORE UPDATE ON therapy_credits_account
    FOR EACH ROW WHEN (NEW.limits_id IS DISTINCT FROM OLD.limits_id)
    EXECUTE FUNCTION therapy_credits_refuse('what was given stays as it was given');
"""

NOT_FOR_GOOD = """
DROP TRIGGER account_keeps_its_limits ON therapy_credits_account;
DROP TRIGGER limits_are_for_good ON therapy_credits_limits;
"""

# One rule more in the function of ``ledger_guards``, before that of grace lots.
NEXT = "WHEN t.code = ''GRACE'' AND d.subject"
RULE = (
    "WHEN t.code IN (''GIFT'', ''GIFT_UNDONE'', ''GRACE'')"
    " AND d.limits_id IS DISTINCT FROM c.limits_id THEN ''transfer_keeps_the_limits_of_its_lot'' "
)
PATCH = """
DO $$ BEGIN
    EXECUTE replace(
        pg_get_functiondef('therapy_credits_move_units()'::regprocedure), '{old}', '{new}');
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("therapy_credits", "0018_limits_of_policies")]

    operations = [
        migrations.RunSQL(OF_THE_POOL, OF_ANY_POOL),
        migrations.RunSQL(FOR_GOOD, NOT_FOR_GOOD),
        migrations.RunSQL(
            PATCH.format(old=NEXT, new=RULE + NEXT), PATCH.format(old=RULE + NEXT, new=NEXT)
        ),
    ]
