"""Rows are held against what the Graph API told: nothing is missing, nothing invented."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.enrichment import (
    NOT_FOUND,
    REFUSED,
    Enriched,
    EnrichedRow,
    Told,
    comment_columns,
    enrichment_checks,
    media_columns,
    mention_columns,
)

ACCOUNT = "17841400000000001"
NODE: dict[str, Any] = {"timestamp": "2026-11-20T10:00:00+0000", "like_count": 3}
ALBUM = {"id": "185", "media_type": "CAROUSEL_ALBUM"}
COMMENT = {**NODE, "hidden": False, "media": ALBUM}
MENTION = {**NODE, "text": "@us", "username": "her", "media": {"media_type": "IMAGE"}}
CAPTION = {**NODE, "caption": "@us", "username": "her", "media_type": "VIDEO"}
MEDIA = {**NODE, "caption": "ours", "media_type": "IMAGE", "permalink": "https://i.example/p"}

TOLD = Told(
    frozenset({ACCOUNT}),
    {"1": [{**COMMENT, "like_count": 0}, COMMENT], "2": [MENTION], "3": [CAPTION], "185": [MEDIA]},
    {"4": {NOT_FOUND}},
)
RIGHT = Enriched(
    comments=(
        EnrichedRow(ACCOUNT, "1", "done", None, comment_columns(COMMENT)),
        EnrichedRow(ACCOUNT, "4", *REFUSED, (None,) * 4),
        EnrichedRow("0", "5", "parked", "not_connected", (None,) * 4),
        EnrichedRow(ACCOUNT, "no number", "pending", None, (None,) * 4),
    ),
    mentions=(
        EnrichedRow(ACCOUNT, "2", "done", None, mention_columns(MENTION)),
        EnrichedRow(ACCOUNT, "3", "done", None, mention_columns(CAPTION)),
    ),
    media={"185": media_columns(MEDIA)},
    wanted=frozenset({(ACCOUNT, "185"), (ACCOUNT, "4"), ("0", "6")}),
)


def _first(rows: Any, **changed: Any) -> Any:
    return (rows[0]._replace(**changed), *rows[1:])


SPOILT: dict[str, Callable[[Enriched], Enriched]] = {
    "rows that the Graph API answered, and do not say so": lambda one: replace(
        one, comments=_first(one.comments, status=REFUSED[0], reason=REFUSED[1])
    ),
    "rows without an answer, and without a refusal": lambda one: replace(
        one, comments=(*one.comments, EnrichedRow(ACCOUNT, "7", *REFUSED, ()))
    ),
    "rows that hold what the Graph API did not tell": lambda one: replace(
        one, mentions=_first(one.mentions, columns=mention_columns({**MENTION, "text": "?"}))
    ),
    "media that were never asked for": lambda one: replace(
        one, wanted=one.wanted | {(ACCOUNT, "7")}
    ),
    "media that the Graph API told, without a row": lambda one: replace(one, media={}),
    "media that hold what the Graph API did not tell": lambda one: replace(
        one, media={"185": media_columns({**MEDIA, "permalink": None})}
    ),
}


def _failed(told: Told, enriched: Enriched) -> list[str]:
    return [check.name for check in enrichment_checks(told, enriched) if not check.holds]


def test_what_was_told_is_found_right() -> None:
    """Any of its answers will do, a refusal is a reason, and some things cannot be asked for."""
    assert _failed(TOLD, RIGHT) == []


@pytest.mark.parametrize("name", SPOILT)
def test_each_check_finds_its_fault_alone(name: str) -> None:
    """One thing wrong is one check that fails, by its name."""
    assert _failed(TOLD, SPOILT[name](RIGHT)) == [name]


def test_no_check_is_without_its_fault() -> None:
    """Each is seen to fail above."""
    assert {check.name for check in enrichment_checks(TOLD, RIGHT)} == set(SPOILT)


@given(st.sampled_from(["pending", "parked", "unreadable", "skipped"]), st.text(max_size=30))
def test_no_other_reason_is_taken(status: str, reason: str) -> None:
    """What a row says must be what it was refused for."""
    row = EnrichedRow(ACCOUNT, "4", status, reason, ())
    failed = _failed(TOLD, Enriched(comments=(row,)))
    assert bool(failed) is ((status, reason) != REFUSED)


def test_times_and_albums_are_read_as_meta_writes_them() -> None:
    """An offset without a colon; the media of a comment is the album, where it is one."""
    at = datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert comment_columns(COMMENT) == (at, 3, False, "185")
    assert comment_columns({**COMMENT, "media": {"id": "18", "media_type": "IMAGE"}})[3] is None
    assert mention_columns(CAPTION) == (at, 3, "@us", "VIDEO", None, "her")
