"""Workers by name."""

import pytest

from workers.registry import WORKERS, handler_of


@pytest.mark.parametrize("name", WORKERS)
def test_every_worker_can_be_made(name: str) -> None:
    """Under the name that its consumer group and its dead letters carry."""
    assert getattr(handler_of(name), "name", None) == name


def test_there_is_no_other_worker() -> None:
    """A wrong name loads nothing."""
    with pytest.raises(KeyError):
        handler_of("os")
