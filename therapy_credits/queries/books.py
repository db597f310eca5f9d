"""Proving the books: every counter from its transfers, and money behind every session."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, transaction

# Every account whose counters are not what its transfers say.
COUNTERS = """
SELECT account.pool_id, account.kind, account.id,
       ARRAY[account.debits_pending, account.debits_posted,
             account.credits_pending, account.credits_posted] AS kept,
       ARRAY[coalesce(moved.debits_pending, 0), coalesce(moved.debits_posted, 0),
             coalesce(moved.credits_pending, 0), coalesce(moved.credits_posted, 0)] AS recomputed
  FROM therapy_credits_account AS account
  LEFT JOIN (
    SELECT account_id,
           sum(pending) FILTER (WHERE is_debit) AS debits_pending,
           sum(posted) FILTER (WHERE is_debit) AS debits_posted,
           sum(pending) FILTER (WHERE NOT is_debit) AS credits_pending,
           sum(posted) FILTER (WHERE NOT is_debit) AS credits_posted
      FROM (
        SELECT side.account_id, side.is_debit,
               CASE phase WHEN 'pending' THEN amount WHEN 'single' THEN 0
                          ELSE -pending_amount END AS pending,
               CASE WHEN phase IN ('single', 'post') THEN amount ELSE 0 END AS posted
          FROM therapy_credits_transfer
         CROSS JOIN LATERAL (VALUES (debit_id, true), (credit_id, false))
            AS side (account_id, is_debit)
      ) AS sides
     GROUP BY account_id
  ) AS moved ON moved.account_id = account.id
 WHERE (account.debits_pending, account.debits_posted,
        account.credits_pending, account.credits_posted)
    IS DISTINCT FROM
       (coalesce(moved.debits_pending, 0), coalesce(moved.debits_posted, 0),
        coalesce(moved.credits_pending, 0), coalesce(moved.credits_posted, 0))
"""

# Per pool: sessions paid in and not settled yet, and the money there is for them. What is
# settled, and what was handed back, is taken off the money at the ceiling price, the most it
# can have cost.
MONEY = """
SELECT pool.id, funder.debits_posted AS units_funded, coalesce(paid.units, 0) AS units_paid,
       (funder.debits_posted - funder.credits_posted - settled.credits_posted
        + settled.debits_posted) * pool.ceiling_price_minor::bigint AS money_needed,
       coalesce(paid.amount_minor, 0)
       - (funder.credits_posted + settled.credits_posted - settled.debits_posted)
         * pool.ceiling_price_minor::bigint AS money_left
  FROM therapy_credits_pool AS pool
  JOIN therapy_credits_account AS funder ON funder.pool_id = pool.id AND funder.kind = 'funder'
  JOIN therapy_credits_account AS settled
    ON settled.pool_id = pool.id AND settled.kind = 'settled'
  LEFT JOIN (
    SELECT pool_id, sum(units) AS units, sum(amount_minor) AS amount_minor
      FROM therapy_credits_funding
     WHERE funded_at IS NOT NULL
     GROUP BY pool_id
  ) AS paid ON paid.pool_id = pool.id
"""


def differences() -> Iterator[str]:
    """What is wrong with the books, a line each; nothing when they are right.

    Each proof is one statement and so sees one moment, whatever is booked
    meanwhile. The database does the sums and hands over only what differs:
    memory does not grow with the books.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        with connection.chunked_cursor() as rows:
            rows.execute(COUNTERS)
            for pool, kind, account, kept, recomputed in rows:
                yield (
                    f"pool {pool}: {kind} account {account} says {_counters(kept)},"
                    f" its transfers say {_counters(recomputed)}"
                )
        cursor.execute(MONEY)
        for pool, funded, paid, needed, left in cursor.fetchall():
            if funded != paid:
                yield f"pool {pool}: {funded} sessions were funded, {paid} were paid for"
            if left < needed:
                yield f"pool {pool}: {needed} is needed in minor units, {left} is there"


def _counters(values: list[int]) -> str:
    names = ("held", "out", "promised", "in")
    return " ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
