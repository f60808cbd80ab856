"""Meta's open set of names maps to five fields, and never fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.fields import FIELDS, field_of

TYPED = ("comments", "live_comments", "mentions", "story_insights")


@pytest.mark.parametrize("name", TYPED)
def test_the_typed_fields_of_instagram(name: str) -> None:
    """Each has topics and a table of its own."""
    assert field_of("instagram", name) == name


@pytest.mark.parametrize("name", TYPED)
@pytest.mark.parametrize("object_type", ["page", "user", "Instagram", "", None])
def test_foreign_objects_are_other(name: str, object_type: str | None) -> None:
    """A Page's `mentions` are not Instagram's."""
    assert field_of(object_type, name) == "other"


@pytest.mark.parametrize("name", ["comment", "Comments", "messages", "other", "", None, "follow"])
def test_any_other_name_is_other(name: str | None) -> None:
    """New fields and other spellings are kept, not refused."""
    assert field_of("instagram", name) == "other"


@given(st.none() | st.text(), st.none() | st.text())
def test_every_pair_has_a_field(object_type: str | None, platform_field: str | None) -> None:
    """Total, and typed only for exactly the four."""
    found = field_of(object_type, platform_field)
    assert found in FIELDS
    typed = object_type == "instagram" and platform_field in TYPED
    assert found == (platform_field if typed else "other")
