"""Ports: free ones, kept ones, never two for the same."""

import socket

from hookline.embedded.ports import CHOICES, HOST, is_free, port_for


def test_a_port_is_chosen_once_and_kept() -> None:
    """Below those that systems lend to outgoing connections."""
    ports: dict[str, int] = {}
    first = port_for(ports, "kafka")
    assert first in CHOICES
    assert port_for(ports, "kafka") == first
    assert ports == {"kafka": first}


def test_a_kept_port_that_is_taken_is_replaced() -> None:
    """Another program may have it now."""
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        assert not is_free(taken)
        ports = {"kafka": taken}
        assert port_for(ports, "kafka") != taken
        assert ports["kafka"] != taken


def test_a_port_of_all_addresses_is_taken_too() -> None:
    """Listening on 127.0.0.1 beside it would fail."""
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        assert not is_free(other.getsockname()[1])


def test_no_two_names_get_the_same_port() -> None:
    """A kept port that another name has, because the user asked for it, is not used twice."""
    ports: dict[str, int] = {}
    shared = port_for(ports, "ingest")
    ports["kafka"] = shared
    assert port_for(ports, "kafka") != shared
