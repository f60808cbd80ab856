"""Settings of the doctor: whatever is missing is named, and the rest is of use."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.doctor.finding import Unseen
from hookline.doctor.setup import Setup, setup
from schemas.settings import DoctorSettings

GIVEN = {
    "kafka_bootstrap": "127.0.0.1:9092",
    "database_url": "postgresql://127.0.0.1/hookline",
    "app_secrets": "1:secret",
    "vault_keys": "A" * 43 + "=",
    "public_url": "https://hooks.example.com",
    "verify_token": "verify-me",
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DoctorSettings.model_fields:
        monkeypatch.delenv(f"HOOKLINE_{name.upper()}", raising=False)


def test_all_is_set() -> None:
    """Then nothing is wrong, and no part is missing."""
    made = setup(GIVEN)
    assert made.configured.problems == ()
    assert not any(isinstance(getattr(made, one.name), Unseen) for one in fields(made))


@given(st.sets(st.sampled_from(sorted(GIVEN))))
def test_whatever_is_missing_is_named_and_nothing_else(missing: set[str]) -> None:
    """Any set of them; what does not need it is there."""
    given_ = {name: value for name, value in GIVEN.items() if name not in missing}
    made = setup(given_)
    named = {problem.partition(": ")[0] for problem in made.configured.problems}
    assert named == {f"HOOKLINE_{name.upper()}" for name in missing}
    assert isinstance(made.topics, Unseen) is ("kafka_bootstrap" in missing)
    assert isinstance(made.database, Unseen) is ("database_url" in missing)
    assert isinstance(made.apps, Unseen) is ("app_secrets" in missing)
    assert isinstance(made.vault, Unseen) is ("vault_keys" in missing)
    assert not isinstance(made.call, Unseen)


def test_what_is_wrong_shows_no_value() -> None:
    """A secret in the wrong place stays one."""
    made = setup({**GIVEN, "vault_keys": "my-secret", "kafka_bootstrap": "nowhere"})
    told = "\n".join(made.configured.problems)
    assert "HOOKLINE_VAULT_KEYS: must be keys" in told
    assert "HOOKLINE_KAFKA_BOOTSTRAP: must be host:port" in told
    assert "my-secret" not in told


def test_the_parts_are_those_of_the_documented_model() -> None:
    """Every setting on the page is read, and no other."""
    parts = [getattr(setup(GIVEN), one.name) for one in fields(Setup)]
    read = {name for part in parts for name in type(part).model_fields}
    assert read == set(DoctorSettings.model_fields)
