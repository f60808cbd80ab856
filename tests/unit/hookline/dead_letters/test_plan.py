"""What a redrive may send."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.dead_letters.filters import Filters
from hookline.dead_letters.letter import KNOWN_TOPICS, Letter
from hookline.dead_letters.plan import (
    CHUNK_BYTES,
    CHUNK_LETTERS,
    REFUSALS,
    Order,
    Report,
    by_record,
    chunks,
    refusal,
    within,
)
from tests.unit.hookline.dead_letters.letters import LETTER, letters, many_letters


@pytest.mark.parametrize(
    ("letter", "reason"),
    [
        (LETTER, None),
        (replace(LETTER, attempts=2), None),
        (replace(LETTER, attempts=3), "attempts"),
        (replace(LETTER, source_topic="instagram.enriched.comments"), None),
        (replace(LETTER, source_topic="elsewhere"), "source"),
        (replace(LETTER, source_topic="instagram.dead_letters"), "source"),
        (replace(LETTER, state="redriven", failed_again=True), "failed_again"),
        (replace(LETTER, failed_again=True), None),
    ],
)
def test_refusals(letter: Letter, reason: str | None) -> None:
    """Too many attempts, a topic of nobody's, a newer letter."""
    assert refusal([letter], 3) == reason
    assert reason is None or reason in REFUSALS


@given(letters, letters, st.integers(2, 10))
def test_nothing_is_sent_without_end(one: Letter, other: Letter, max_attempts: int) -> None:
    """A record is sent only while all of its letters are below the limit, and to our topics."""
    if refusal([one, other], max_attempts) is None:
        assert max(one.attempts, other.attempts) < max_attempts
        assert {one.source_topic, other.source_topic} <= set(KNOWN_TOPICS)
    else:
        assert None in (refusal([one], max_attempts), refusal([other], max_attempts)) or all(
            refusal([each], max_attempts) for each in (one, other)
        )


@given(many_letters)
def test_each_record_is_sent_once(given_letters: list[Letter]) -> None:
    """Its letters stand together, and none is missing."""
    groups = by_record(given_letters)
    ids = [{letter.record_id for letter in group} for group in groups]
    assert all(len(one) == 1 for one in ids)
    assert len(set.union(set(), *ids)) == len(groups)
    flat = [letter for group in groups for letter in group]
    assert sorted(one.dead_letter_id for one in flat) == sorted(
        one.dead_letter_id for one in given_letters
    )


@given(many_letters)
def test_chunks_fit_into_memory(given_letters: list[Letter]) -> None:
    """All letters, in their order; what is too large is alone."""
    found = list(chunks(given_letters))
    assert [letter for chunk in found for letter in chunk] == given_letters
    for chunk in found:
        assert 0 < len(chunk) <= CHUNK_LETTERS
        assert len(chunk) == 1 or sum(one.size_bytes for one in chunk) <= CHUNK_BYTES


def test_a_chunk_has_a_number_of_letters() -> None:
    """Small ones too: what is locked is little."""
    assert [len(chunk) for chunk in chunks([LETTER] * (2 * CHUNK_LETTERS + 1))] == [
        CHUNK_LETTERS,
        CHUNK_LETTERS,
        1,
    ]


@given(many_letters, st.none() | st.integers(1, 9))
def test_refused_letters_do_not_use_up_the_limit(
    given_letters: list[Letter], limit: int | None
) -> None:
    """What is chosen is what may be sent, from the first on, up to the limit; all are counted."""
    order, report = Order(Filters(), 3, limit), Report()
    chosen = within(order, report, given_letters)
    sendable = [one for one in given_letters if refusal([one], 3) is None]
    assert chosen == sendable[:limit]
    assert report.selected == len(chosen) + report.refused.total()
    if limit is None:
        assert report.selected == len(given_letters)


@given(st.dictionaries(st.sampled_from(list(REFUSALS)), st.integers(0, 9)))
def test_counts_are_integers_under_plain_names(refused: dict[str, int]) -> None:
    """Every refusal has its number, also when there was none."""
    counts = Report(selected=5, refused=Counter(refused)).counts()
    assert counts["selected"] == 5
    assert counts["refused"] == sum(refused.values())
    assert {name for name in counts if name.startswith("refused_")} == {
        f"refused_{reason}" for reason in REFUSALS
    }
    assert all(type(number) is int for number in counts.values())
