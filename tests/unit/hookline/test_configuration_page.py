"""The page of settings is that of the models."""

from pathlib import Path

from hookline.configuration_page import SERVICES, is_secret, render

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
