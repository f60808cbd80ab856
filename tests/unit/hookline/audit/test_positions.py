"""Single changes by their positions."""

from hypothesis import given
from hypothesis import strategies as st

from hookline.audit.positions import only_in, positions
from schemas.fields import FIELDS
from schemas.splitting import split
from tests.unit.schemas.values import any_bytes, change_body

names = st.dictionaries(st.sampled_from(["0.changes.0", "0.changes.1", "1.flat.0"]), st.text())


@given(any_bytes)
def test_any_body_gives_each_change_to_one_field(body: bytes) -> None:
    """Whatever its bytes; what nobody can read has none."""
    told = [place for field in FIELDS for place in positions(body, field, "an-id")]
    try:
        expected = [str(change.position) for change in split(body)]
    except ValueError:
        expected = []
    assert sorted(told) == sorted(expected)


@given(names, names)
def test_the_difference_is_what_one_side_alone_has(
    these: dict[str, str], others: dict[str, str]
) -> None:
    """By position."""
    assert dict(only_in(these, others)) == {
        place: name for place, name in these.items() if place not in others
    }


def test_a_position_has_the_event_it_told_of() -> None:
    """By the identity of the contract."""
    body = change_body("comments", {"id": "5"})
    assert positions(body, "comments", "an-id") == {"0.changes.0": "comments:17841400000000001:5"}
    assert positions(body, "mentions", "an-id") == {}
