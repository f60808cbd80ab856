"""Standard output for a person. (Standard error, for what is told meanwhile: `cli.progress`.)"""

from typing import Final

from rich.console import Console

PIPED_COLUMNS: Final = 1000
"""A line that goes to another program is not folded."""


def page() -> Console:
    """The console that a verb's page is printed on."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_COLUMNS
    return console
