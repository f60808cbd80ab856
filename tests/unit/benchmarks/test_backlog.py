"""What a benchmark of enrichment sends."""

import json

from benchmarks.backlog import Size, viral


def test_a_viral_post_is_one_media_and_a_thousand_comments() -> None:
    """In one delivery, as Meta batches."""
    [entry] = json.loads(viral(1))["entry"]
    values = [change["value"] for change in entry["changes"]]
    assert len({value["id"] for value in values}) == 1000
    assert len({value["media"]["id"] for value in values}) == 1


def test_live_comments_follow_from_rate_and_time() -> None:
    """Whole ones."""
    assert Size(waiting=1000, live_rate=2.5, live_s=3, delay_ms=0).live == 7
