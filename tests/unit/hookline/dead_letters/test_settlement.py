"""When a letter that was sent again is resolved."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.dead_letters.settlement import Sighted, Wanted, is_done, wanted_of
from schemas.events import format_time
from tests.unit.hookline.dead_letters.letters import AT, DELIVERY_ID, LETTER
from tests.unit.schemas.values import any_bytes, untimed

WANTED = Wanted(LETTER.dead_letter_id, AT, DELIVERY_ID, "comments", None)
STORED = {("comments:1:1", "a"), ("comments:1:2", "b")}
FIRST = Sighted("comments:1:1", "a", is_repeat=False, has_letter=False)
SECOND = Sighted("comments:1:2", "b", is_repeat=False, has_letter=False)
REPEAT = Sighted("comments:1:3", "c", is_repeat=True, has_letter=False)
MISSING = Sighted("comments:1:4", "d", is_repeat=False, has_letter=False)
DEAD = Sighted("comments:1:5", "e", is_repeat=False, has_letter=True)


@pytest.mark.parametrize(
    ("stage", "archived", "sighted", "done"),
    [
        ("archive", None, [FIRST], False),
        ("archive", {"comments": 1}, [], True),
        ("dedupe", {"comments": 2}, [FIRST, SECOND], True),
        ("dedupe", {"comments": 2}, [FIRST], False),
        ("dedupe", {"comments": 2}, [FIRST, REPEAT], True),
        ("dedupe", {"comments": 2}, [FIRST, MISSING], False),
        ("dedupe", {"comments": 2}, [FIRST, DEAD], True),
        ("dedupe", None, [FIRST, SECOND], False),
        ("dedupe", {"mentions": 2}, [], True),
        ("persist", {"comments": 1}, [], False),
        ("persist", None, [FIRST], True),
        ("persist", {"comments": 1}, [REPEAT], True),
        ("persist", {"comments": 1}, [MISSING], False),
        ("persist", {"comments": 1}, [DEAD], False),
    ],
)
def test_a_stage_has_done_what_it_refused(
    stage: str, archived: dict[str, int] | None, sighted: list[Sighted], *, done: bool
) -> None:
    """Archived; sighted and ended; stored. A letter at persist is no end for persist itself."""
    assert is_done(stage, WANTED, archived, sighted, STORED) is done


def test_a_raw_record_tells_its_delivery_by_its_headers() -> None:
    """Its field is that of the topic; without time or id there is nothing to look up."""
    headers = {"original-received-at": format_time(AT)}
    assert wanted_of(LETTER, headers, None) == WANTED
    assert wanted_of(LETTER, {}, None) is None
    assert wanted_of(LETTER, {"original-received-at": "soon"}, None) is None
    assert wanted_of(replace(LETTER, delivery_id=None), headers, None) is None


@untimed
@given(st.none() | any_bytes)
def test_any_event_is_asked_for_or_not(event: bytes | None) -> None:
    """Total: a record that is no event has nothing to look up."""
    letter = replace(LETTER, source_topic="instagram.events.comments")
    assert wanted_of(letter, {}, event) is None
