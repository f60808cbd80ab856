"""Dead letters, made up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from hypothesis import strategies as st

from hookline.dead_letters.letter import Letter

AT: Final = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
DELIVERY_ID: Final = "01920000-0000-7000-8000-000000000001"

LETTER: Final = Letter(
    dead_letter_id=str(UUID(int=1)),
    state="parked",
    stage="dedupe",
    reason="not_json",
    detail="the body is archived as it came",
    fingerprint="0123456789abcdef",
    attempts=1,
    source_topic="instagram.raw.comments",
    source_partition=3,
    source_offset=14,
    first_source="3/14",
    delivery_id=DELIVERY_ID,
    event_id=None,
    size_bytes=9,
    version="0.1.0",
    first_failed_at=AT,
    parked_at=AT,
    state_changed_at=None,
    operation_id=None,
    failed_again=False,
)


def _letter(number: int, **values: object) -> Letter:
    moment = AT + timedelta(seconds=number % 7)
    letter = replace(LETTER, dead_letter_id=str(UUID(int=number)), first_failed_at=moment)
    return replace(letter, **values)  # type: ignore[arg-type]  # as the strategy has them


letters: Final = st.builds(
    _letter,
    st.integers(1, 10**6),
    state=st.sampled_from(["parked", "redriven", "resolved", "discarded"]),
    stage=st.sampled_from(["archive", "dedupe", "persist"]),
    reason=st.sampled_from(["not_json", "sqlstate_23514"]),
    fingerprint=st.sampled_from(["", "0123456789abcdef", "fedcba9876543210"]),
    attempts=st.integers(1, 11),
    source_topic=st.sampled_from(
        [
            "instagram.raw.comments",
            "instagram.events.mentions",
            "instagram.enriched.mentions",
            "elsewhere",
            "",
        ]
    ),
    first_source=st.sampled_from(["3/14", "3/15"]),
    size_bytes=st.integers(0, 40 * 1024 * 1024),
    failed_again=st.booleans(),
)

many_letters: Final = st.lists(letters, max_size=30, unique_by=lambda one: one.dead_letter_id)
