"""What there is, and who may see it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from simulator.graph.contents import Contents
from simulator.graph.directory import Directory
from simulator.graph.errors import RefusalError
from simulator.graph.fields import parse_fields
from simulator.graph.nodes import Node, told
from simulator.graph.options import GraphOptions
from simulator.wire import Entry, Notification, encode, envelope

ONE, TWO = "17841400000000001", "17841400000000002"
NOW_S = 1_795_000_000.0
AT_S = 1_790_000_100

ORGANIC: Mapping[str, Any] = {
    "id": "17900000000000001",
    "from": {"id": "1281680000000001", "username": "user_a"},
    "media": {"id": "18000000001000007", "media_product_type": "FEED"},
    "text": "Ça existe en bleu ?",
}


def contents(**options: Any) -> Contents:
    """Contents of three accounts; no albums unless asked for."""
    wanted = GraphOptions(**{"album_share": 0.0, **options})
    return Contents(wanted, Directory(wanted))


def tell(found: Contents, field: str, value: Mapping[str, Any], account_id: str = ONE) -> None:
    """Tells of one change."""
    entry = Entry(account_id, AT_S, [Notification(field, dict(value))])
    found.register.tell(encode(envelope([entry])), NOW_S)


def shown(node: Node, fields: str) -> dict[str, Any]:
    """What an answer tells of it."""
    return told(node, parse_fields(fields))


def is_seen(found: Contents, comment_id: str, readers: Sequence[str] = (ONE,)) -> bool:
    """Whether the comment can be read; when not, the answer is 100/33."""
    try:
        found.comment(comment_id, readers, NOW_S)
    except RefusalError as error:
        if error.name != "100/33":
            raise
        return False
    return True


def test_a_comment_is_as_it_was_sent() -> None:
    """Text, author and media are those of the webhook; the time is shortly before it."""
    found = contents()
    tell(found, "comments", ORGANIC)
    answer = shown(
        found.comment(ORGANIC["id"], [ONE], NOW_S),
        "id,text,timestamp,username,from{id,username},parent_id,media{id,media_product_type}",
    )
    assert answer.pop("timestamp").startswith("2026-09-21T14:14:")
    assert answer == {**ORGANIC, "username": "user_a"}


def test_another_account_sees_nothing_of_it() -> None:
    """Comments and media of one account are not there for another."""
    found = contents()
    tell(found, "comments", ORGANIC)
    assert not is_seen(found, ORGANIC["id"], [TWO])
    with pytest.raises(RefusalError):
        found.media(ORGANIC["media"]["id"], [TWO], NOW_S)
    assert found.owner(ORGANIC["media"]["id"]) == found.owner(ORGANIC["id"]) == ONE


def test_a_mention_is_seen_through_the_account_alone() -> None:
    """Neither its comment nor its media can be read by themselves."""
    found = contents()
    tell(found, "mentions", {"comment_id": "179", "media_id": "180"})
    account = found.account(ONE, [ONE])
    answer = shown(account, "mentioned_comment.comment_id(179){id,text,media{id}}")
    assert answer["mentioned_comment"]["media"] == {"id": "180"}
    assert "brand_1" in answer["mentioned_comment"]["text"]
    assert "@" not in answer["mentioned_comment"]["text"]
    assert not is_seen(found, "179")
    with pytest.raises(RefusalError):
        found.media("180", [ONE], NOW_S)
    with pytest.raises(RefusalError):
        shown(found.account(TWO, [TWO]), "mentioned_comment.comment_id(179)")


def test_nobody_elses_account_can_be_asked() -> None:
    """And a mention needs its id."""
    found = contents()
    for account_id, readers in ((ONE, [TWO]), ("999", ["999"])):
        with pytest.raises(RefusalError) as caught:
            found.account(account_id, readers)
        assert caught.value.name == "100/33"
    with pytest.raises(RefusalError, match="comment_id is required"):
        shown(found.account(ONE, [ONE]), "mentioned_comment")


def test_an_album_is_told_by_the_comment_alone() -> None:
    """Media of it have neither caption nor permalink, the album has both, and one owner."""
    found = contents(album_share=1.0)
    tell(found, "comments", ORGANIC)
    sibling = {**ORGANIC, "id": "17900000000000002", "media": {"id": "18000000001000009"}}
    tell(found, "comments", sibling)
    answers = [
        shown(found.comment(one["id"], [ONE], NOW_S), "media{id,media_type}")["media"]
        for one in (ORGANIC, sibling)
    ]
    assert answers[0] == answers[1]
    assert answers[0]["media_type"] == "CAROUSEL_ALBUM"
    album_id = answers[0]["id"]
    assert album_id != ORGANIC["media"]["id"]
    assert found.owner(album_id) == ONE
    fields = "caption,permalink,media_type,timestamp,username"
    assert shown(found.media(album_id, [ONE], NOW_S), fields).keys() >= {"caption", "permalink"}
    part = shown(found.media(ORGANIC["media"]["id"], [ONE], NOW_S), fields)
    assert part.keys() == {"media_type", "timestamp", "username", "id"}


def test_only_posts_are_parts_of_albums() -> None:
    """Reels, stories, ads and broadcasts are not."""
    found = contents(album_share=1.0, unreadable_ad_share=0.0)
    for number, product_type in enumerate(("REELS", "STORY", "AD", "LIVE")):
        media = {"id": f"1800000000100001{number}", "media_product_type": product_type}
        tell(found, "comments", {"id": f"179{number}", "media": media})
        node = found.comment(f"179{number}", [ONE], NOW_S)
        assert shown(node, "media{id}")["media"]["id"] == media["id"]


def test_comments_on_ads_can_often_not_be_read() -> None:
    """Those told of an ad alone; what was told of the post as well can."""
    found = contents()
    for number in range(200):
        media = {"id": "19000000001000001", "media_product_type": "AD"}
        tell(found, "comments", {"id": f"179{number:014d}", "media": media})
    seen = [number for number in range(200) if is_seen(found, f"179{number:014d}")]
    assert 70 < len(seen) < 130
    unseen = next(number for number in range(200) if number not in seen)
    tell(found, "comments", {**ORGANIC, "id": f"179{unseen:014d}"})
    assert is_seen(found, f"179{unseen:014d}")


def test_live_comments_are_readable_on_air() -> None:
    """For a time, or until the broadcast is ended; so is its media."""
    live = {**ORGANIC, "media": {"id": "18000000001000003", "media_product_type": "LIVE"}}
    for_a_time = contents(air_s=60.0)
    tell(for_a_time, "live_comments", live)
    assert is_seen(for_a_time, live["id"])
    for later in (for_a_time.comment, for_a_time.media):
        object_id = live["id"] if later == for_a_time.comment else live["media"]["id"]
        later(object_id, [ONE], NOW_S + 59)
        with pytest.raises(RefusalError):
            later(object_id, [ONE], NOW_S + 60)
    found = contents()
    tell(found, "live_comments", live)
    found.broadcast(False)
    assert not is_seen(found, live["id"])
    found.broadcast(True, [live["media"]["id"]])
    assert is_seen(found, live["id"])
    found.broadcast(False, [live["media"]["id"]])
    assert not is_seen(found, live["id"])


def test_shares_are_gone_or_restricted() -> None:
    """By object, and by person."""
    for options in ({"deleted_share": 0.3}, {"restricted_share": 0.3}):
        found = contents(**options)
        for number in range(200):
            author = {"id": f"{number % 40}", "username": "u"}
            tell(found, "comments", {**ORGANIC, "id": f"179{number}", "from": author, "media": {}})
        gone = [number for number in range(200) if not is_seen(found, f"179{number}")]
        assert 20 < len(gone) < 100
    assert len({number % 40 for number in gone}) * 5 == len(gone)


def test_what_was_given_goes_before_what_would_be() -> None:
    """Single fields of any object; and an object can be made to go, and to come back."""
    found = contents(invent=False)
    assert not is_seen(found, "17999999999999999")
    found.give("17999999999999999", {"text": "given"})
    found.give("17999999999999999", {"from": {"id": "7", "username": "g"}})
    node = found.comment("17999999999999999", [ONE], NOW_S)
    assert shown(node, "text,from{id}") == {
        "text": "given", "from": {"id": "7"}, "id": "17999999999999999"
    }  # fmt: skip
    tell(found, "comments", ORGANIC)
    found.give(ORGANIC["id"], None)
    assert not is_seen(found, ORGANIC["id"])
    found.give(ORGANIC["id"], {})
    assert is_seen(found, ORGANIC["id"])


def test_what_nobody_told_of_follows_from_its_id() -> None:
    """The same each time, and never an object without digits."""
    answers = [
        shown(
            contents().comment("17955555555555555", [ONE], NOW_S), "text,timestamp,username,media"
        )
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(answers[0]) == 5
    assert not is_seen(contents(), "17955555555555555", [])
    assert not is_seen(contents(), "abc")
