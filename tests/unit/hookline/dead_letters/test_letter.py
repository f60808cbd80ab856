"""What travels again is the record, with how often it was given up."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hookline.dead_letters.letter import Letter, headers_again
from runtime.worker import Record, dead_letter
from schemas.dead_letters import Source, dead_letter_headers, header_texts
from tests.unit.hookline.dead_letters.letters import AT, LETTER, letters

NAMES = st.sampled_from(["delivery-id", "stage", "original-stage", "attempt", "first-source"])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)


@given(st.dictionaries(NAMES | texts, texts), st.integers(1, 9))
def test_a_record_keeps_its_headers_through_a_dead_letter(
    headers: dict[str, str], attempts: int
) -> None:
    """Those of the letter do not come along, and those of a redrive are told anew."""
    own = tuple((name, text.encode()) for name, text in headers.items())
    record = Record(Source("instagram.raw.other", 3, 14), b"key", b"{", own)
    letter = dead_letter("dedupe", record, "not_json", "why")
    stored = header_texts(dead_letter_headers(letter, version="1", failed_at=AT))
    again = dict(headers_again(stored, attempts=attempts, first_source="3/14"))
    told = {"attempt": str(attempts), "first-source": "3/14"}
    assert again == {name: text.encode() for name, text in {**headers, **told}.items()}


@given(st.integers(1, 9))
def test_what_fails_again_has_one_attempt_more(attempts: int) -> None:
    """The worker reads the header that the redrive wrote."""
    headers = headers_again({}, attempts=attempts, first_source="3/14")
    record = Record(Source("instagram.raw.other", 3, 20), None, None, tuple(headers))
    assert dead_letter("dedupe", record, "not_json", "why").attempt == attempts + 1


@given(letters)
def test_letters_about_one_record_have_one_record_id(letter: Letter) -> None:
    """Whatever their stage, attempt and place; another delivery or topic is another record."""
    again = replace(letter, stage="persist", attempts=9, source_offset=99, dead_letter_id="x")
    assert again.record_id == letter.record_id
    assert replace(letter, source_topic="another").record_id != letter.record_id
    assert replace(letter, delivery_id=None).record_id != letter.record_id


def test_a_document_is_plain() -> None:
    """JSON takes it as it is, with the field and times as text."""
    document = json.loads(json.dumps(LETTER.document()))
    assert document["field"] == "comments"
    assert document["parked_at"] == "2026-11-22T10:30:00+00:00"
    assert replace(LETTER, source_topic="elsewhere").document()["field"] is None
