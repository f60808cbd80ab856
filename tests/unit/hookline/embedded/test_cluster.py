"""A private cluster: who is in it, and how safe a record is there."""

from pathlib import Path

import pytest

from hookline.embedded.cluster import Cluster
from hookline.embedded.kafka import Membership


def test_every_broker_has_a_port_and_a_log_of_its_own(tmp_path: Path) -> None:
    """Three processes, six ports, and clients are told all three addresses."""
    ports: dict[str, int] = {}
    cluster = Cluster(tmp_path, Path("java"), [], ports, 1024)
    names = ["kafka-1", "kafka-2", "kafka-3"]
    assert set(ports) == {*names, *(f"{name}-controller" for name in names)}
    assert len(set(ports.values())) == 6
    assert cluster.bootstrap == ",".join(f"127.0.0.1:{ports[name]}" for name in names)
    programs = cluster.programs(tmp_path / "logs")
    assert [program.name for program in programs] == names
    assert len({program.log_path for program in programs}) == 3


def test_a_cluster_stays_the_same_over_restarts(tmp_path: Path) -> None:
    """Its id is kept: Kafka refuses the data of another cluster."""
    ports: dict[str, int] = {}
    before = Cluster(tmp_path, Path("java"), [], ports, 1024)
    kept = (tmp_path / "cluster-id").read_text()
    after = Cluster(tmp_path, Path("java"), [], ports, 1024)
    assert (tmp_path / "cluster-id").read_text() == kept
    assert before.bootstrap == after.bootstrap


@pytest.mark.parametrize(
    ("nodes", "copies", "insync"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (5, 3, 2)]
)
def test_one_of_three_may_go(nodes: int, copies: int, insync: int) -> None:
    """A record is on three brokers where there are three, and on two before it is acknowledged."""
    membership = Membership("kafka-1", 1, {node: 9000 + node for node in range(1, nodes + 1)})
    assert (membership.copies, membership.insync) == (copies, insync)
