"""A key's partition: the same in every process, by CRC32."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.kafka import client_options, partition_of
from schemas.settings import KafkaSettings


@pytest.mark.parametrize(
    ("key", "crc"),
    [(b"", 0), (b"123456789", 0xCBF43926), (b"a", 0xE8B7BE43), (b"\xff", 0xFF000000)],
)
def test_the_partition_is_crc32_modulo_their_number(key: bytes, crc: int) -> None:
    """The published check values of CRC-32."""
    for partitions in (1, 7, 12, 1000):
        assert partition_of(key, partitions) == crc % partitions


@given(st.binary(), st.integers(1, 1000))
def test_a_key_has_one_partition(key: bytes, partitions: int) -> None:
    """Within the range, and always the same."""
    assert partition_of(key, partitions) == zlib.crc32(key) % partitions < partitions


def test_keys_are_spread() -> None:
    """A viral account does not sit in one partition."""
    counts = [0] * 12
    for number in range(12_000):
        counts[partition_of(f"comments:17841400000000001:{number}".encode(), 12)] += 1
    assert min(counts) > 800


def test_a_plain_cluster_needs_no_credentials() -> None:
    """Nothing about TLS or SASL is passed on."""
    assert client_options(KafkaSettings(kafka_bootstrap="h:1")) == {
        "bootstrap_servers": "h:1",
        "security_protocol": "PLAINTEXT",
        "request_timeout_ms": 7_000,
        "connections_max_idle_ms": 4_000,
    }


@pytest.mark.parametrize(
    ("protocol", "encrypted", "authenticated"),
    [("SSL", True, False), ("SASL_PLAINTEXT", False, True), ("SASL_SSL", True, True)],
)
def test_security_is_passed_on(
    protocol: str,
    encrypted: bool,
    authenticated: bool,
) -> None:
    """TLS for the SSL protocols, name and password for the SASL ones."""
    options = client_options(
        KafkaSettings.model_validate(
            {
                "kafka_bootstrap": "h:1",
                "kafka_security_protocol": protocol,
                "kafka_sasl_username": "me",
                "kafka_sasl_password": "word",
            }
        )
    )
    assert options["security_protocol"] == protocol
    assert ("ssl_context" in options) == encrypted
    if authenticated:
        assert options["sasl_mechanism"] == "SCRAM-SHA-512"
        assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("me", "word")
    else:
        assert not [name for name in options if name.startswith("sasl")]
