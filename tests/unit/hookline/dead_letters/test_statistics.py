"""Letters by cause."""

import json
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from hookline.dead_letters.letter import Letter
from hookline.dead_letters.statistics import Statistics
from tests.unit.hookline.dead_letters.letters import LETTER, many_letters


@given(many_letters, st.integers(0, 30), st.randoms(use_true_random=False))
def test_every_letter_is_counted_once_in_any_order(
    letters: list[Letter], cut: int, random: Random
) -> None:
    """Page by page or at once."""
    paged, shuffled = Statistics(), Statistics()
    paged.add(letters[:cut])
    paged.add(letters[cut:])
    mixed = list(letters)
    random.shuffle(mixed)
    shuffled.add(mixed)
    document = paged.document()
    assert document == shuffled.document()
    assert document["letters"] == len(letters)
    states = ("parked", "redriven", "resolved", "discarded")
    assert sum(document[state] for state in states) == len(letters)
    for state in states:
        assert sum(one[state] for one in document["causes"]) == document[state]
    same = {(one.stage, one.reason, one.fingerprint) for one in letters}
    assert len(document["causes"]) == len(same)


def test_a_cause_explains_itself() -> None:
    """Literally, but for the words."""
    statistics = Statistics()
    statistics.add([LETTER])
    (cause,) = json.loads(json.dumps(statistics.document()))["causes"]
    assert cause.pop("means")
    assert cause.pop("repair")
    assert cause == {
        "fingerprint": "0123456789abcdef",
        "stage": "dedupe",
        "reason": "not_json",
        "detail": "the body is archived as it came",
        "letters": 1,
        "parked": 1,
        "redriven": 0,
        "resolved": 0,
        "discarded": 0,
        "failed_again": 0,
        "attempts": 1,
        "first_failed_at": "2026-11-22T10:30:00+00:00",
        "last_failed_at": "2026-11-22T10:30:00+00:00",
        "fields": ["comments"],
        "versions": ["0.1.0"],
        "example_id": LETTER.dead_letter_id,
    }
