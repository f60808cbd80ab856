"""The line in memory: records as ingest published them, and the bad ones found."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hookline.rebuild.line import raw_records, settled
from runtime.errors import RejectError
from runtime.publisher import OutRecord
from runtime.worker import Outcome, Record
from schemas.dead_letters import Source
from schemas.deliveries import Delivery, body_key, read_delivery
from schemas.splitting import fields_in
from schemas.topics import RAW_TOPICS

TWO_FIELDS = (
    b'{"object":"instagram","entry":[{"id":"1","changes":[{"field":"comments","value":{}},'
    b'{"field":"mentions","value":{}}]}]}'
)
FOREIGN = b'{"object":"page","entry":[]}'
ID = "01920000-0000-7000-8000-000000000001"


@given(
    body=st.binary(max_size=40) | st.sampled_from([TWO_FIELDS, FOREIGN]),
    received_at=st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    signature=st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=80),
)
def test_the_archive_gives_back_what_ingest_published(
    body: bytes, received_at: datetime, signature: str
) -> None:
    """A record in the topic of each field, with the headers that readers need."""
    delivery = Delivery(ID, received_at, "17", signature, "webhook", body)
    records = raw_records(delivery)
    assert [RAW_TOPICS[record.source.topic] for record in records] == list(fields_in(body))
    for record in records:
        assert read_delivery(record.headers, record.value) == delivery
        assert record.key == body_key(body)


class Picky:
    """Rejects any batch with a bad record; passes the others on."""

    name = "picky"

    def __init__(self, bad: set[int]) -> None:
        self._bad = bad

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """As a database that refuses a batch for one row."""
        if any(record.source.offset in self._bad for record in records):
            raise RejectError("bad", "a row that no table takes")
        return Outcome([OutRecord("t", record.key, record.value, []) for record in records])


@given(number=st.integers(0, 40), bad=st.sets(st.integers(0, 39)))
def test_only_the_bad_records_of_a_batch_are_given_up(number: int, bad: set[int]) -> None:
    """The others pass, each once and in order."""
    records = [Record(Source("t", 0, n), b"%d" % n, b"", ()) for n in range(number)]
    outcome = asyncio.run(settled(Picky(bad), records))
    rejected = sorted(bad & set(range(number)))
    assert [letter.source.offset for letter in outcome.dead] == rejected
    passed = [n for n in range(number) if n not in bad]
    assert [result.key for result in outcome.results] == [b"%d" % n for n in passed]
