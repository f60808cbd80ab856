"""SQL that compares a database with what `hookline simulate send` was acknowledged for.

    python tests/acceptance/compose_truth.py SEED:DELIVERIES... | psql --no-align --tuples-only

Traffic is the same for one seed, so what was sent is known here without having sent it. Prints
one line a check, `name|expected|found`, for each that fails, and nothing when all hold. Counts
nothing that a resend after a lost answer may change.
"""

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from simulator.delivery import Delivery
from simulator.expected import expect
from simulator.traffic import mixed

# A surrogate or NUL cannot be in a text column, which has U+FFFD instead.
UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")

# Dashboard tests are named by their delivery, which only the receiver knows.
TESTS: Final = "%:0:test:%"

CHECKS: Final = f"""
CREATE TEMP VIEW stored_events AS
SELECT concat_ws(':', field, account_id, comment_id) AS event_id FROM hookline.comments
UNION ALL
SELECT concat_ws(':', 'mentions', account_id, media_id, coalesce(nullif(comment_id, ''), '-'))
FROM hookline.mentions
UNION ALL
SELECT DISTINCT concat_ws(':', 'story_insights', account_id, media_id) FROM hookline.story_insights
UNION ALL
SELECT event_id FROM hookline.other_events WHERE NOT is_test;

CREATE TEMP VIEW checks (name, expected, found) AS
SELECT 'acknowledged deliveries that are not stored', 0, count(*)
FROM sent_bodies
LEFT JOIN (
    SELECT encode(sha256(body), 'hex') AS sha256, count(*) AS copies
    FROM hookline.deliveries GROUP BY 1
) AS stored USING (sha256)
WHERE coalesce(stored.copies, 0) < sent_bodies.copies
UNION ALL
SELECT 'stored deliveries that were never acknowledged', 0, count(*)
FROM hookline.deliveries WHERE encode(sha256(body), 'hex') NOT IN (SELECT sha256 FROM sent_bodies)
UNION ALL
SELECT 'stored deliveries whose sha256 is another', 0, count(*)
FROM hookline.deliveries WHERE encode(sha256(body), 'hex') <> sha256
UNION ALL
SELECT 'rows of analytics.conservation with changes in flight', 0, count(*)
FROM analytics.conservation WHERE in_flight <> 0
UNION ALL
SELECT 'contents without a claim', 0, count(*) FROM (
    SELECT event_id, content_hash FROM sent_contents
    EXCEPT SELECT event_id, content_hash FROM hookline.claims
) AS missing
UNION ALL
SELECT 'claims that nobody sent', 0, count(*) FROM (
    SELECT event_id, content_hash FROM hookline.claims WHERE event_id NOT LIKE '{TESTS}'
    EXCEPT SELECT event_id, content_hash FROM sent_contents
) AS surplus
UNION ALL
SELECT 'events without a row', 0, count(*) FROM (
    SELECT event_id FROM sent_contents EXCEPT SELECT event_id FROM stored_events
) AS missing
UNION ALL
SELECT 'rows of events', (SELECT count(DISTINCT event_id) FROM sent_contents), count(*)
FROM stored_events
UNION ALL
SELECT 'dashboard tests', (SELECT tests FROM sent_counts),
    least(count(*), (SELECT tests FROM sent_counts))
FROM hookline.other_events WHERE is_test
UNION ALL
SELECT 'appearances on ads', (SELECT ad_sightings FROM sent_counts), count(*)
FROM hookline.ad_sightings
UNION ALL
SELECT 'story metrics', (SELECT story_metrics FROM sent_counts), count(*)
FROM hookline.story_insights
UNION ALL
SELECT 'suppressed story metrics', (SELECT suppressed_metrics FROM sent_counts), count(*)
FROM hookline.story_insights WHERE suppressed
UNION ALL
SELECT 'unreadable bodies among dead letters', (SELECT unreadable FROM sent_counts),
    count(DISTINCT sha256(value))
FROM hookline.dead_letters WHERE stage = 'dedupe'
UNION ALL
SELECT 'dead letters of other stages', 0, count(*)
FROM hookline.dead_letters WHERE stage <> 'dedupe';

SELECT name, expected, found FROM checks WHERE expected <> found;
"""


def acknowledged(runs: Iterable[str]) -> list[Delivery]:
    """The deliveries of these runs that a right receiver answers with 200."""
    return [delivery for run in runs for delivery in _deliveries(run) if delivery.status == 200]


def _deliveries(run: str) -> Iterator[Delivery]:
    seed, _, count = run.partition(":")
    return mixed(int(seed), int(count))


def script(deliveries: list[Delivery]) -> Iterator[str]:
    """The whole SQL script, in parts."""
    expected = expect(deliveries)
    unreadable = {_sha256(delivery.body) for delivery in deliveries if not delivery.readable}
    yield "\\set QUIET on\n\\set ON_ERROR_STOP on\n"
    yield "CREATE TEMP TABLE sent_bodies (sha256 text PRIMARY KEY, copies bigint);\n"
    copies: dict[str, int] = {}
    for delivery in deliveries:
        digest = _sha256(delivery.body)
        copies[digest] = copies.get(digest, 0) + 1
    yield from _copy("sent_bodies", ([digest, str(n)] for digest, n in copies.items()))
    yield "CREATE TEMP TABLE sent_contents (event_id text, content_hash text);\n"
    contents = {
        (_storable(change.event_id), change.content_hash)
        for delivery in deliveries
        for change in delivery.changes
        if change.event_id is not None
    }
    yield from _copy("sent_contents", sorted(contents))
    yield (
        "CREATE TEMP TABLE sent_counts AS SELECT "
        f"{expected.tests} AS tests, {expected.ad_sightings} AS ad_sightings, "
        f"{expected.story_metrics} AS story_metrics, {len(unreadable)} AS unreadable, "
        f"{expected.suppressed_metrics} AS suppressed_metrics;\n"
    )
    yield CHECKS


def _copy(table: str, rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield f"COPY {table} FROM STDIN;\n"
    for row in rows:
        yield "\t".join(_escaped(value) for value in row) + "\n"
    yield "\\.\n"


def _escaped(value: str) -> str:
    for character, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(character, escape)
    return value


def _storable(text: str) -> str:
    return UNSTORABLE.sub("\ufffd", text)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def main(runs: list[str]) -> None:
    """Prints the script for the runs that the command line names."""
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # always a text stream
    sys.stdout.writelines(script(acknowledged(runs)))


if __name__ == "__main__":
    main(sys.argv[1:])
