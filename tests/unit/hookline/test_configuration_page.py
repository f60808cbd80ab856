"""The page of settings is that of the models."""

from pathlib import Path

import pytest

from hookline.configuration_page import SERVICES, is_secret, render, takes
from schemas.settings import IngestSettings

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    """`make docs` brings it up to date."""
    assert PAGE.read_text("utf-8") == render()


def test_every_setting_is_described_and_no_secret_has_a_default() -> None:
    """A newcomer understands each; a secret in a default would be everybody's."""
    for model in SERVICES.values():
        for name, field in model.model_fields.items():
            assert field.description, name
            if is_secret(field):
                assert field.default is None or field.is_required(), name


def test_every_secret_is_marked() -> None:
    """Whoever copies a line from the page knows which ones belong into a file."""
    page = render()
    for model in SERVICES.values():
        for name, field in model.model_fields.items():
            rows = [
                row
                for row in page.partition("## hookline up")[0].splitlines()
                if row.startswith(f"| `HOOKLINE_{name.upper()}` |")
            ]
            assert rows, name
            assert {row.endswith(" Secret. |") for row in rows} == {is_secret(field)}, name


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("log_format", "`json`, `console`"),
        ("ingest_host", "text"),
        ("ingest_processes", "integer, at least 1, at most 64"),
        ("ingest_publish_timeout_s", "number, above 0, at most 60"),
        ("kafka_ssl_cafile", "path"),
        ("kafka_sasl_password", "text"),
    ],
)
def test_the_page_tells_what_a_setting_takes(setting: str, wanted: str) -> None:
    """Its choices, or its type and bounds."""
    assert takes(IngestSettings.model_fields[setting]) == wanted
