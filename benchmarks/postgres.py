"""Limits: what PostgreSQL itself does with the least work that keeps the same promise."""

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from config.local.binaries import find_postgres

TABLES = """
CREATE SCHEMA limits;
CREATE TABLE limits.seats (id integer PRIMARY KEY, capacity integer, firm integer)
    WITH (fillfactor = 50);
INSERT INTO limits.seats SELECT n, 1000000000, 0 FROM generate_series(1, 1000) AS n;
CREATE TABLE limits.rsvp (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, seats integer, person integer,
    UNIQUE (seats, person));
CREATE TABLE limits.message (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text UNIQUE, body text);
CREATE TABLE limits.account (id integer PRIMARY KEY, debits bigint, credits bigint)
    WITH (fillfactor = 50);
INSERT INTO limits.account SELECT n, 0, 1000000000 FROM generate_series(1, 20000) AS n;
CREATE TABLE limits.transfer (
    id uuid PRIMARY KEY, debit integer, credit integer, amount bigint, made_at timestamptz);
"""
# A place and its mail: lock the counter, write both rows, count.
PLACE = """
\\set seats random(1, :events)
\\set person random(1, 2000000000)
BEGIN;
SELECT firm FROM limits.seats WHERE id = :seats FOR UPDATE;
INSERT INTO limits.rsvp (seats, person) VALUES (:seats, :person);
INSERT INTO limits.message (key, body) VALUES (gen_random_uuid()::text, repeat('mail ', 600));
UPDATE limits.seats SET firm = firm + 1 WHERE id = :seats AND firm < capacity;
COMMIT;
"""
# A transfer: lock both accounts in order, write it, count on both sides.
MOVE = """
\\set debit random(1, 19000)
\\set credit random(19001, 20000)
BEGIN;
SELECT id FROM limits.account WHERE id IN (:debit, :credit) ORDER BY id FOR UPDATE;
INSERT INTO limits.transfer VALUES (gen_random_uuid(), :debit, :credit, 1, now());
UPDATE limits.account SET debits = debits + 1 WHERE id = :debit AND credits > debits;
UPDATE limits.account SET credits = credits + 1 WHERE id = :credit;
COMMIT;
"""
# A session confirmed, in the very tables of the product with all their rules, triggers and indexes:
# the transfer that ends the hold, the booking closed, by API also the answer that is kept. One
# prepared statement, as in the product, with each booking once; only what Python brings along (ids,
# digests) is made up. Less SQL cannot keep the same promises.
CONFIRM = """
\\set turn :turn + 1
\\set booking :first + (:turn - 1) * :clients + :client_id
WITH open AS (
    SELECT hold_group, practice_id, units FROM therapy_credits_booking
     WHERE id = :booking AND status = 'booked' AND starts_at <= now()
       FOR NO KEY UPDATE
), {kept}posted AS (
    INSERT INTO therapy_credits_transfer (id, pool_id, phase, code, debit_id, credit_id, amount,
        pending_id, pending_amount, "group", actor, request_hash, made_at)
    SELECT gen_random_uuid(), hold.pool_id, 'post', 'REDEEM', hold.debit_id, hold.credit_id,
           hold.amount, hold.id, hold.amount, hold."group", hold.actor, sha256('facts'), now()
      FROM open
      JOIN therapy_credits_transfer AS hold
        ON hold."group" = open.hold_group AND hold.phase = 'pending' AND hold.amount = open.units
    RETURNING id
)
UPDATE therapy_credits_booking
   SET status = 'attended', resolved_at = now(), resolved_by_id = :by
 WHERE id = :booking AND EXISTS (SELECT FROM posted);
"""
CONFIRM_AND_ANSWER = CONFIRM.format(
    kept="""kept AS (
    INSERT INTO accounts_apireply
        (key_id, idempotency_key, request_digest, status, body, answered_at)
    SELECT :key, 'bare-' || :booking, repeat('0', 64), 201,
           '{"reference": "AAAAAAAA", "outcome": "attended", "held_on": "2026-06-11", "units": 1}',
           now()
      FROM open
    ON CONFLICT (key_id, idempotency_key) DO NOTHING
), """
)
CONFIRM = CONFIRM.format(kept="")
# Lots for everybody and a transfer into each, with nothing that checks them.
ALLOCATE = """
CREATE TABLE limits.lot (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject uuid,
    debits bigint, credits bigint, expires_at timestamptz);
CREATE TABLE limits.gift (id uuid PRIMARY KEY, debit bigint, credit bigint, amount bigint);
WITH lots AS (
    INSERT INTO limits.lot (subject, debits, credits, expires_at)
    SELECT gen_random_uuid(), 0, 3, now() FROM generate_series(1, {people}) RETURNING id)
INSERT INTO limits.gift SELECT gen_random_uuid(), 1, id, 3 FROM lots;
"""


def connect() -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def pgbench(
    script: str,
    *,
    clients: int,
    seconds: int | None = None,
    transactions: int | None = None,
    **variables: int,
) -> float:
    """Transactions per second of ``script``, for so long, or so many by each client."""
    length = ("--time", seconds) if seconds else ("--transactions", transactions)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        known = {"clients": clients, **variables}
        defined = [part for name, value in known.items() for part in ("-D", f"{name}={value}")]
        answer = subprocess.run(
            [
                *(_program(), "--no-vacuum", "--protocol", "prepared", "--file", file.name),
                *("--client", str(clients), *map(str, length), *defined),
                os.environ["DATABASE_URL"],
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    found = re.search(r"tps = ([\d.]+)", answer.stdout)
    assert found, answer.stdout
    return float(found[1])


def allocate(people: int) -> float:
    """Seconds to write that many lots and transfers."""
    with connect() as connection:
        began = time.perf_counter()
        connection.execute(ALLOCATE.format(people=people))
        return time.perf_counter() - began


def _program() -> Path:
    return find_postgres() / "pgbench"
