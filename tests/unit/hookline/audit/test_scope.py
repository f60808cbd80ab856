"""What an audit looks at."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.audit.scope import Scope
from schemas.fields import FIELDS

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MOMENTS = st.integers(-5, 5).map(lambda hours: AT + timedelta(hours=hours))


@given(MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS)
def test_a_scope_begins_with_since_and_ends_before_until(
    moment: datetime, since: datetime | None, until: datetime | None
) -> None:
    """As the queries read it, whose bounds are always given."""
    scope = Scope(AT, timedelta(), since, until)
    given_ = scope.parameters()
    assert scope.holds(moment) == (given_["since"] <= moment < given_["until"])


@pytest.mark.parametrize("field", FIELDS)
def test_one_field_is_looked_at_or_all(field: str) -> None:
    """In the order of the contract."""
    assert Scope(AT, timedelta(), field=field).fields == (field,)
    assert Scope(AT, timedelta()).fields == FIELDS


def test_what_came_before_the_grace_is_overdue() -> None:
    """Counted back from the moment of the audit."""
    assert Scope(AT, timedelta(minutes=10)).overdue_before == AT - timedelta(minutes=10)
