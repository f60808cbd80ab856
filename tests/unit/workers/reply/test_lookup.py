"""Looking for an answer among the replies to a comment."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.workers.reply.factories import ACCOUNT, NOW, reply
from workers.reply.lookup import LOOKS, Candidate, candidates, next_look, replies_in
from workers.reply.outbox import after_look

OURS = {
    "id": "180",
    "text": "Thank you!",
    "timestamp": "2026-11-23T12:00:05+0000",
    "from": {"id": ACCOUNT, "username": "brand"},
}

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "id", "text", "timestamp", "from", "username"]), inner
        )
    ),
)


def _is_found(message: str = "Thank you!", **changed: Any) -> bool:
    found = candidates([OURS | changed], reply(message=message), "brand")
    return found == [Candidate("180", is_signed=True)]


def test_ours_with_the_text_and_the_time() -> None:
    """With spaces and letters in whatever form."""
    assert _is_found()
    assert _is_found(text=" Thank\n you! ")
    assert _is_found("Merci, Zo\u00e9", text="Merci, Zoe\u0301")
    assert _is_found("Thank \u200byou\u2060!", text="Thank you!")
    assert _is_found("Thank you, @ann!", text="Thank you, ann!")
    assert _is_found(timestamp="2026-11-23T11:59:01+0000")
    assert _is_found(timestamp=None)
    nameless: dict[str, Any] = {"from": None, "username": "brand"}
    assert _is_found(**nameless)
    scoped: dict[str, Any] = {"from": {"id": "2105720000000001"}, "username": "brand"}
    assert _is_found(**scoped)
    within: dict[str, Any] = {"from": {"id": "2105720000000001", "username": "brand"}}
    assert _is_found(**within)


def test_what_nobody_is_told_to_have_written_may_be_ours() -> None:
    """Of an answer that is there it must not be said that it was not done; nor that it was."""
    untold: list[dict[str, Any]] = [{"from": None}, {"from": {}, "username": None}]
    for changed in untold:
        found = candidates([OURS | changed], reply(), "brand")
        assert found == [Candidate("180", is_signed=False)]


@pytest.mark.parametrize(
    "changed",
    [
        {"id": None},
        {"text": "Thank you"},
        {"text": None},
        {"from": {"id": "1"}},
        {"from": None, "username": "somebody"},
        {"timestamp": "2026-11-23T11:57:59+0000"},
    ],
)
def test_others(changed: dict[str, Any]) -> None:
    """By somebody else, with another text, or older."""
    assert candidates([OURS | changed], reply(), "brand") == []


@given(documents)
def test_any_answer_can_be_looked_through(document: Any) -> None:
    """Nothing of it is believed."""
    page = document if isinstance(document, dict) else {"data": document}
    found = candidates(replies_in(page), reply(), None)
    assert all(isinstance(one.reply_id, str) for one in found)


@given(st.timedeltas(timedelta(-1), timedelta(2)))
def test_there_are_three_looks(since: timedelta) -> None:
    """Each later than the one before; none after the last."""
    found = next_look(NOW, NOW + since)
    assert (found is None) == (since >= LOOKS[-1])
    assert found is None or (found > NOW + since and found - NOW in LOOKS)


counts = st.integers(0, 4)


@given(counts, counts, st.integers(1, 4), st.timedeltas(timedelta(), timedelta(2)))
def test_what_is_told_after_a_look_is_true(
    signed: int, unsigned: int, alike: int, since: timedelta
) -> None:
    """Sent: each that is looked for has one of ours. Failed: there is none at the last look."""
    free = [Candidate(f"1{number}", is_signed=True) for number in range(signed)]
    free += [Candidate(f"2{number}", is_signed=False) for number in range(unsigned)]
    found = after_look(reply(), free, alike, NOW + since)
    assert (found.state == "sent") == (signed >= alike)
    assert (found.reply_id is not None) == (found.state == "sent")
    assert found.reply_id in (None, *(one.reply_id for one in free if one.is_signed))
    assert (found.state == "failed") == (not free and since >= LOOKS[-1])
    assert found.state != "unknown" or found.due_at == next_look(NOW, NOW + since)
