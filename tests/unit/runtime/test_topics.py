"""What `topics apply` finds to change."""

import pytest

from runtime.topics import differing_config, replication_for


@pytest.mark.parametrize(("brokers", "copies"), [(1, 1), (2, 1), (3, 3), (4, 3), (9, 3)])
def test_three_copies_where_the_cluster_has_three(brokers: int, copies: int) -> None:
    """Two brokers give no safety: losing one would stop every write."""
    assert replication_for(brokers) == copies


def test_only_settings_with_another_value_differ() -> None:
    """Whether the value in force is the topic's own or the broker's."""
    wanted = {"a": "1", "b": "2", "c": "3", "d": "4"}
    found = {"a": ("1", True), "b": ("2", False), "c": ("0", True), "x": ("9", True)}
    assert differing_config(wanted, found) == {"c": "3", "d": "4"}


def test_a_topic_as_it_should_be_needs_nothing() -> None:
    """So that applying twice changes nothing."""
    wanted = {"a": "1", "b": "2"}
    assert differing_config(wanted, {name: (value, True) for name, value in wanted.items()}) == {}
