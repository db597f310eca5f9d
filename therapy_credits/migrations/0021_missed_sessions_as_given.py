"""What was given keeps the table for missed sessions its pool has now, when the pool's changes."""

from django.db import migrations

# What a lot without a table of its own has been under until now: that of its pool.
KEEP = """
CREATE TEMPORARY TABLE kept ON COMMIT DROP AS
WITH of_pool AS (
    SELECT pool_id,
           array_agg(ARRAY[nth, notice_hours, units_charged, fee_percent]::smallint[] ORDER BY nth)
               AS missed_rules
      FROM therapy_credits_missedsessionrule
     GROUP BY pool_id
), used AS (
    SELECT pool_id, limits_id FROM therapy_credits_account WHERE kind = 'lot'
     UNION
    SELECT pool_id, limits_id FROM therapy_credits_booking
     UNION
    SELECT pool_id, limits_id FROM therapy_credits_sessioncode
)
SELECT nextval(pg_get_serial_sequence('therapy_credits_limits', 'id')) AS id, used.pool_id,
       used.limits_id AS earlier_id, coalesce(networks, '{}') AS networks,
       coalesce(kinds, '{}') AS kinds, of_pool.missed_rules
  FROM used JOIN of_pool USING (pool_id)
  LEFT JOIN therapy_credits_limits AS earlier ON earlier.id = used.limits_id
 WHERE earlier.id IS NULL OR earlier.missed_rules = '{}';

INSERT INTO therapy_credits_limits (id, pool_id, networks, kinds, missed_rules)
SELECT id, pool_id, networks, kinds, missed_rules FROM kept;

ALTER TABLE therapy_credits_account DISABLE TRIGGER account_keeps_its_limits;
UPDATE therapy_credits_account AS lot SET limits_id = kept.id FROM kept
 WHERE lot.kind = 'lot' AND lot.pool_id = kept.pool_id
   AND lot.limits_id IS NOT DISTINCT FROM kept.earlier_id;
UPDATE therapy_credits_booking AS held SET limits_id = kept.id FROM kept
 WHERE held.pool_id = kept.pool_id AND held.limits_id IS NOT DISTINCT FROM kept.earlier_id;
UPDATE therapy_credits_sessioncode AS held SET limits_id = kept.id FROM kept
 WHERE held.pool_id = kept.pool_id AND held.limits_id IS NOT DISTINCT FROM kept.earlier_id;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE therapy_credits_account ENABLE TRIGGER account_keeps_its_limits;
"""


class Migration(migrations.Migration):
    dependencies = [("therapy_credits", "0020_transfers_out_at_once")]

    operations = [migrations.RunSQL(KEEP, migrations.RunSQL.noop)]
