"""What deliveries tell, and in which order does not matter."""

import json
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.graph.albums import Albums
from simulator.graph.register import Register, ToldComment
from simulator.traffic import mixed
from simulator.wire import Entry, Notification, encode, envelope

ACCOUNT = "17841400000000001"
NO_ALBUMS = Albums(0, 0.0)


def told(*bodies: bytes) -> Register:
    """A register that was told these."""
    register = Register(NO_ALBUMS)
    for body in bodies:
        register.tell(body, 0.0)
    return register


def body_of(field: str, value: object, at_s: int = 1_790_000_100) -> bytes:
    """A delivery of one change."""
    return encode(envelope([Entry(ACCOUNT, at_s, [Notification(field, value)])]))


@settings(max_examples=30)
@given(st.integers(0, 50), st.randoms(use_true_random=False))
def test_any_order_and_repetition_tells_the_same(seed: int, random: Random) -> None:
    """Everything of mixed traffic, told once in order or many times in any."""
    bodies = [delivery.body for delivery in mixed(seed, 30)]
    again = [*bodies, *bodies[:10]]
    random.shuffle(again)
    one, two = told(*bodies), told(*again)
    assert one.comments == two.comments
    assert one.mentions == two.mentions
    assert one.media == two.media


def test_a_comment_may_name_several_accounts() -> None:
    """Each of them can read it, and nobody else."""
    value = {"media_id": "1801", "comment_id": "1791"}
    register = told(
        *(
            json.dumps(
                {"entry": [{"id": one, "changes": [{"field": "mentions", "value": value}]}]}
            ).encode()
            for one in ("17841400000000001", "17841400000000002")
        )
    )
    assert set(register.mentions) == {
        ("1791", "17841400000000001"),
        ("1791", "17841400000000002"),
    }
    assert register.is_foreign("1791")


def test_it_knows_every_event_that_the_traffic_holds() -> None:
    """Compared with the ground truth, which comes from what was meant and not from the bytes."""
    deliveries = [delivery for delivery in mixed(11, 400) if delivery.readable]
    register = told(*(delivery.body for delivery in deliveries))
    events = {
        change.event_id
        for delivery in deliveries
        for change in delivery.changes
        if change.event_id and ":sha256:" not in change.event_id and ":-:" not in change.event_id
    }
    keys = {tuple(event_id.split(":", 2)) for event_id in events}
    for field, account_id, key in sorted(keys):
        if field in ("comments", "live_comments"):
            assert register.comments[key].account_id == account_id
        elif field == "mentions":
            media_id, comment_id = key.split(":")
            object_id = media_id if comment_id == "-" else comment_id
            found = register.mentions[object_id, account_id]
            assert (found.account_id, found.media_id) == (account_id, media_id)
            assert register.is_foreign(media_id)
        elif field == "story_insights":
            assert register.media[key].account_id == account_id
    assert len(keys) > 200


@given(st.one_of(st.binary(max_size=60), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["entry", "changes", "id", "time", "field", "value", "media", "from"]),
        inner | st.sampled_from(["comments", "mentions", "story_insights"]), max_size=4),
    max_leaves=20,
).map(lambda document: json.dumps(document).encode())))  # fmt: skip
def test_whatever_a_body_is_it_raises_nothing(body: bytes) -> None:
    """What cannot be read is passed over."""
    told(body)


def test_the_post_goes_before_the_ad() -> None:
    """A comment told for both is on the post; one told for the ad alone is on the ad."""
    on_ad = {"id": "179", "text": "x", "media": {
        "id": "190", "media_product_type": "AD", "original_media_id": "180"}}  # fmt: skip
    on_post = {"id": "179", "text": "x", "media": {"id": "180", "media_product_type": "FEED"}}
    ad_body, post_body = body_of("comments", on_ad, 1_790_000_000), body_of("comments", on_post)
    assert told(ad_body).comments["179"].is_on_ad
    for order in ((ad_body, post_body), (post_body, ad_body)):
        register = told(*order)
        assert register.comments["179"].media_id == "180"
        assert register.media.keys() == {"180", "190"}


def test_members_of_wrong_types_are_not_told() -> None:
    """The comment is there, without what made no sense."""
    value = {"id": 179, "text": {"body": "x"}, "from": "someone", "media": [], "parent_id": True}
    assert told(body_of("comments", value)).comments["179"] == ToldComment(
        ACCOUNT, at_s=1_790_000_100
    )


def test_times_may_be_milliseconds_or_text() -> None:
    """As deliveries have them."""
    for time in (1_790_000_100, 1_790_000_100_000, "1790000100"):
        body = encode(envelope([Entry(ACCOUNT, time, [Notification("comments", {"id": "179"})])]))
        assert told(body).comments["179"].at_s == 1_790_000_100
