"""Which version answers."""

from datetime import date

import pytest

from simulator.graph.errors import RefusalError
from simulator.graph.versions import versioned

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v25.0/123", ("v25.0", "123")),
        ("/v26.0/me/accounts", ("v26.0", "me/accounts")),
        ("/v19.0/123", ("v21.0", "123")),
        ("/v3.0/123", ("v21.0", "123")),
        ("/123", ("v25.0", "123")),
        ("/v25.0/", ("v25.0", "")),
        ("/", ("v25.0", "")),
        ("/v25/123", ("v25.0", "v25/123")),
    ],
)
def test_an_ended_version_is_answered_by_the_oldest_alive(
    path: str, answer: tuple[str, str]
) -> None:
    """Nothing is refused for its age; without a version the app's own answers."""
    assert versioned(path, TODAY, "v25.0") == answer


def test_the_default_ends_too() -> None:
    """On the day of its end another one answers."""
    assert versioned("/1", date(2028, 7, 28), "v25.0")[0] == "v25.0"
    assert versioned("/1", date(2028, 7, 29), "v25.0")[0] == "v26.0"


def test_there_is_no_version_of_the_future() -> None:
    """Code 2500."""
    with pytest.raises(RefusalError, match="Unknown path"):
        versioned("/v27.0/123", TODAY, "v25.0")
