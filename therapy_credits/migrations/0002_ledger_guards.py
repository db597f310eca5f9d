"""The rules of the ledger that no code path may get round.

Counters follow transfers through one trigger per *statement*: a trigger per row
makes a one-statement allocation of 100,000 lots quadratic. It locks every
account touched in the order of ids, then checks each new transfer against the
rows it names, then moves the counters once. The checks come after the locks so
that what they read cannot change before the write; they are also the foreign
keys of a transfer (Django has no composite ones, and accounts and transfers are
never deleted).

Plans are cached per session and made for whatever size the table and the
statement had at the first call. The planner settings on the function keep
every plan on the indexes, so that one transfer after a bulk run does not scan.
"""

from django.db import migrations

MOVE_UNITS = """
CREATE FUNCTION therapy_credits_move_units() RETURNS trigger
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    bad record;
BEGIN
    PERFORM 1 FROM therapy_credits_account
      WHERE id IN (SELECT debit_id FROM fresh UNION SELECT credit_id FROM fresh)
      ORDER BY id
      FOR NO KEY UPDATE;

    SELECT t.id, rule.broken INTO bad
      FROM fresh t
      LEFT JOIN therapy_credits_account d ON d.id = t.debit_id
      LEFT JOIN therapy_credits_account c ON c.id = t.credit_id
      LEFT JOIN therapy_credits_transfer p ON p.id = t.pending_id
      LEFT JOIN therapy_credits_transfer r ON r.id = t.reverses_id
      CROSS JOIN LATERAL (SELECT CASE
        WHEN d.id IS NULL OR c.id IS NULL
          THEN 'transfer_account_exists'
        WHEN d.pool_id <> t.pool_id OR c.pool_id <> t.pool_id
          THEN 'transfer_within_one_pool'
        WHEN NOT (t.code || ' ' || t.phase || ' ' || d.kind || ' ' || c.kind) = ANY (ARRAY[
            'FUND single funder pool',
            'RETURN single pool funder',
            'ALLOCATE single pool lot',
            'GIFT single lot lot',
            'GIFT_EXPIRED single lot pool',
            'GIFT_UNDONE single lot lot',
            'HOLD pending lot practice', 'HOLD pending lot issued',
            'REDEEM post lot practice', 'REDEEM post lot issued',
            'NO_SHOW post lot practice', 'NO_SHOW post lot issued',
            'LATE_CANCEL post lot practice', 'LATE_CANCEL post lot issued',
            'RELEASE void lot practice', 'RELEASE void lot issued',
            'TIMEOUT void lot practice', 'TIMEOUT void lot issued',
            'PRACTICE_CANCEL void lot practice', 'PRACTICE_CANCEL void lot issued',
            'GOODWILL void lot practice', 'GOODWILL void lot issued',
            'GOODWILL single pool practice',
            'ASSIGN single issued practice',
            'REVERSAL single practice lot', 'REVERSAL single practice issued',
            'REVERSAL single issued lot', 'REVERSAL single practice pool',
            'GRACE single lot lot',
            'EXPIRE single lot expired',
            'CLAWBACK single lot pool',
            'SETTLE single practice settled',
            'ADJUST single settled practice'])
          THEN 'transfer_follows_a_known_flow'
        WHEN t.pending_id IS NOT NULL AND (p.id IS NULL OR p.phase <> 'pending')
          THEN 'transfer_resolves_a_hold'
        WHEN p.pool_id <> t.pool_id OR p.debit_id <> t.debit_id OR p.credit_id <> t.credit_id
             OR p.amount <> t.pending_amount
          THEN 'transfer_resolution_repeats_its_hold'
        WHEN t.code = 'TIMEOUT' AND t.made_at < p.timeout_at
          THEN 'transfer_times_out_only_when_due'
        WHEN t.reverses_id IS NOT NULL
             AND (r.id IS NULL
                  OR r.code NOT IN ('REDEEM', 'NO_SHOW', 'LATE_CANCEL', 'ASSIGN', 'GOODWILL')
                  OR r.phase NOT IN ('post', 'single'))
          THEN 'transfer_reverses_a_charge'
        WHEN r.pool_id <> t.pool_id OR r.debit_id <> t.credit_id OR r.credit_id <> t.debit_id
             OR r.amount < t.amount
          THEN 'transfer_reversal_mirrors_its_charge'
        WHEN t.code IN ('HOLD', 'GIFT')
             AND (t.made_at < d.effective_at OR t.made_at >= d.expires_at
                  OR d.closed_at IS NOT NULL)
          THEN 'transfer_within_the_life_of_its_lot'
        WHEN t.code = 'EXPIRE' AND t.made_at < d.expires_at
          THEN 'transfer_expires_only_what_is_over'
        WHEN t.code IN ('GIFT', 'GIFT_UNDONE') AND d.expires_at <> c.expires_at
          THEN 'transfer_gift_keeps_its_expiry'
        WHEN t.code = 'GRACE' AND d.subject <> c.subject
          THEN 'transfer_grace_stays_with_the_person'
        END AS broken) AS rule
      WHERE rule.broken IS NOT NULL
      LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transfer % breaks the rule "%"', bad.id, bad.broken
            USING ERRCODE = 'check_violation', CONSTRAINT = bad.broken,
                  TABLE = 'therapy_credits_transfer';
    END IF;

    UPDATE therapy_credits_account a
       SET debits_pending = a.debits_pending + moved.debits_pending,
           debits_posted = a.debits_posted + moved.debits_posted,
           credits_pending = a.credits_pending + moved.credits_pending,
           credits_posted = a.credits_posted + moved.credits_posted
      FROM (
        SELECT account_id,
               sum(is_debit * pending) AS debits_pending,
               sum(is_debit * posted) AS debits_posted,
               sum((1 - is_debit) * pending) AS credits_pending,
               sum((1 - is_debit) * posted) AS credits_posted
          FROM (
            SELECT side.account_id, side.is_debit,
                   CASE WHEN t.phase = 'pending' THEN t.amount
                        WHEN t.phase IN ('post', 'void') THEN -t.pending_amount
                        ELSE 0 END AS pending,
                   CASE WHEN t.phase IN ('single', 'post') THEN t.amount ELSE 0 END AS posted
              FROM fresh t
              CROSS JOIN LATERAL (VALUES (t.debit_id, 1), (t.credit_id, 0))
                AS side (account_id, is_debit)
          ) AS sides
         GROUP BY account_id
      ) AS moved
     WHERE a.id = moved.account_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER transfer_moves_units
    AFTER INSERT ON therapy_credits_transfer
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION therapy_credits_move_units();
"""

UNMOVE_UNITS = """
DROP TRIGGER transfer_moves_units ON therapy_credits_transfer;
DROP FUNCTION therapy_credits_move_units();
"""

APPEND_ONLY = """
CREATE FUNCTION therapy_credits_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END
$$;

CREATE TRIGGER transfer_is_for_good
    BEFORE UPDATE OR DELETE ON therapy_credits_transfer
    FOR EACH ROW EXECUTE FUNCTION therapy_credits_refuse('a correction is another transfer');
CREATE TRIGGER transfers_are_for_good
    BEFORE TRUNCATE ON therapy_credits_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION therapy_credits_refuse('the books are kept');

CREATE TRIGGER account_is_for_good
    BEFORE DELETE ON therapy_credits_account
    FOR EACH ROW EXECUTE FUNCTION therapy_credits_refuse('the books are kept');
CREATE TRIGGER accounts_are_for_good
    BEFORE TRUNCATE ON therapy_credits_account
    FOR EACH STATEMENT EXECUTE FUNCTION therapy_credits_refuse('the books are kept');
CREATE TRIGGER account_starts_at_nothing
    BEFORE INSERT ON therapy_credits_account
    FOR EACH ROW
    WHEN ((NEW.debits_pending, NEW.debits_posted, NEW.credits_pending, NEW.credits_posted)
          <> (0, 0, 0, 0))
    EXECUTE FUNCTION therapy_credits_refuse('only transfers move units');
-- Depth 0 is a statement of a person or a program; the trigger that moves units is deeper.
CREATE TRIGGER account_changes_only_by_transfer
    BEFORE UPDATE ON therapy_credits_account
    FOR EACH ROW
    WHEN (pg_trigger_depth() = 0
          AND (NEW.id, NEW.pool_id, NEW.kind, NEW.bounded, NEW.practice_id, NEW.subject,
               NEW.priority, NEW.effective_at, NEW.expires_at, NEW.debits_pending,
               NEW.debits_posted, NEW.credits_pending, NEW.credits_posted)
              IS DISTINCT FROM
              (OLD.id, OLD.pool_id, OLD.kind, OLD.bounded, OLD.practice_id, OLD.subject,
               OLD.priority, OLD.effective_at, OLD.expires_at, OLD.debits_pending,
               OLD.debits_posted, OLD.credits_pending, OLD.credits_posted))
    EXECUTE FUNCTION therapy_credits_refuse('only transfers move units');

-- Rows of accounts change in place when their page has room.
ALTER TABLE therapy_credits_account SET (fillfactor = 80);
"""

NOT_APPEND_ONLY = """
ALTER TABLE therapy_credits_account RESET (fillfactor);
DROP TRIGGER account_changes_only_by_transfer ON therapy_credits_account;
DROP TRIGGER account_starts_at_nothing ON therapy_credits_account;
DROP TRIGGER accounts_are_for_good ON therapy_credits_account;
DROP TRIGGER account_is_for_good ON therapy_credits_account;
DROP TRIGGER transfers_are_for_good ON therapy_credits_transfer;
DROP TRIGGER transfer_is_for_good ON therapy_credits_transfer;
DROP FUNCTION therapy_credits_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("therapy_credits", "0001_ledger")]

    operations = [
        migrations.RunSQL(MOVE_UNITS, UNMOVE_UNITS),
        migrations.RunSQL(APPEND_ONLY, NOT_APPEND_ONLY),
    ]
