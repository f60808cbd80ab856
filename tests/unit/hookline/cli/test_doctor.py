"""What `hookline doctor` takes."""

import pytest
from typer.testing import CliRunner

from hookline.cli.app import app


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("doctor --only nothing", "callback_size"),
        ("doctor --fix", "needs --yes"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_looked_at(arguments: str, told: str) -> None:
    """With what would be right."""
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "2000"})
    assert done.exit_code == 2
    assert told in done.output
