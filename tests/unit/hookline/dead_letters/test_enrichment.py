"""What letters about enrichment wait for."""

from hypothesis import given

from hookline.dead_letters.enrichment import asked_by, place_of, told_by
from schemas.enriched import Read
from tests.unit.hookline.dead_letters.letters import AT
from tests.unit.schemas.values import any_bytes, untimed


@untimed
@given(any_bytes)
def test_any_record_is_waited_for_or_not(record: bytes) -> None:
    """Total: what is no event asks for nothing, and what is no read is merged nowhere."""
    assert asked_by(record) is None
    assert told_by(record) is None


def test_a_read_has_one_row() -> None:
    """That of its comment, mention or media; media that were not told have none."""
    comment = Read(
        account_id="1", endpoint="live_comment", object_id="2", read_at=AT, status="unreadable"
    )
    media = comment.model_copy(update={"endpoint": "media"})
    mention = comment.model_copy(update={"endpoint": "mentioned_comment"})
    told = media.model_copy(update={"status": "partial"})
    places = [
        place_of("live_comments:1:2", comment),
        place_of("mentions:1:3:2", mention),
        place_of("comments:1:4", told),
    ]
    assert [place and (place.table.name, place.key) for place in places] == [
        ("comments", ("1", "2", "live_comments")),
        ("mentions", ("1", "3", "2")),
        ("media", ("2",)),
    ]
    assert place_of("comments:1:4", media) is None
