"""The page of guarantees names tests that there are."""

import re
from pathlib import Path
from typing import Final

from hookline.audit.faults import MEANINGS

ROOT: Final = Path(__file__).parents[4]


def test_every_test_that_is_named_exists() -> None:
    """A promise is worth the test that shows it."""
    page = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 20
    missing = [
        f"{path}::{test}"
        for path, test in named
        if not re.search(rf"def {test}\(", (ROOT / path).read_text("utf-8"))
    ]
    assert missing == []


def test_every_kind_of_fault_is_explained() -> None:
    """And none that there is not."""
    page = (ROOT / "docs" / "trace-and-audit.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(MEANINGS)
