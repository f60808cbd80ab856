"""What is asked for, literally; and what can get into it."""

from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.requests import (
    GraphRequest,
    GraphWrite,
    accounts_page,
    app_subscribe,
    app_subscriptions,
    batch_items,
    comment,
    comment_replies,
    comment_reply,
    debug_token,
    media,
    mention_reply,
    mentioned_comment,
    mentioned_media,
    page_subscribe,
    page_subscriptions,
    read,
    token_exchange,
    user_permissions,
)
from schemas.enriched import Endpoint

ENDPOINTS: list[Endpoint] = ["comment", "mentioned_comment", "mentioned_media", "media"]
ids = st.from_regex("[0-9]{1,19}", fullmatch=True)
not_ids = st.text().filter(lambda text: not (text.isascii() and text.isdecimal()))


def _fields(request: GraphRequest) -> str:
    return dict(parse_qsl(urlsplit(request.url("v25.0")).query))["fields"]


def test_a_comment() -> None:
    """With the media that it stands on: for an album, the album."""
    request = comment("179")
    assert request.url("v25.0").startswith("v25.0/179?fields=")
    assert _fields(request) == (
        "id,text,timestamp,username,from{id,username},like_count,hidden,parent_id,"
        "media{id,media_type,media_product_type,permalink}"
    )


def test_a_comment_that_mentions() -> None:
    """As the platform's page shows it: the id in parentheses, within fields of the account."""
    request = mentioned_comment("17841405309211844", "17873440459141021")
    assert request.path == "17841405309211844"
    assert request.member == "mentioned_comment"
    assert _fields(request) == (
        "mentioned_comment.comment_id(17873440459141021)"
        "{id,text,timestamp,like_count,username,media{id,media_url,media_type}}"
    )


def test_media_that_mention() -> None:
    """Likewise."""
    request = mentioned_media("17841405309211844", "17873440459141021")
    assert (request.path, request.member) == ("17841405309211844", "mentioned_media")
    assert _fields(request) == (
        "mentioned_media.media_id(17873440459141021)"
        "{id,caption,media_type,media_url,timestamp,like_count,comments_count,username}"
    )


def test_media() -> None:
    """Of our own."""
    assert media("180").url("v26.0").startswith("v26.0/180?fields=id,caption,")
    assert "permalink" in _fields(media("180"))


def test_pages_of_accounts() -> None:
    """From cursor to cursor."""
    first, second = accounts_page(), accounts_page("QVFI+/=")
    assert first.path == "me/accounts"
    assert "access_token,tasks,instagram_business_account{id,username}" in _fields(first)
    assert "after" not in dict(first.query)
    assert dict(parse_qsl(urlsplit(second.url("v25.0")).query))["after"] == "QVFI+/="


def test_requests_with_secrets_do_not_show_them() -> None:
    """Two need them in the query: Meta takes them nowhere else."""
    exchange = token_exchange("1234", "the-secret", "EAAtoken")
    debug = debug_token("EAAtoken")
    assert dict(exchange.query) == {
        "grant_type": "fb_exchange_token",
        "client_id": "1234",
        "client_secret": "the-secret",
        "fb_exchange_token": "EAAtoken",
    }
    assert dict(debug.query) == {"input_token": "EAAtoken"}
    shown = f"{exchange!r} {debug!r} {exchange} {[debug]}"
    assert "secret'" not in shown
    assert "the-secret" not in shown
    assert "EAAtoken" not in shown


@given(st.sampled_from(ENDPOINTS), ids, ids)
def test_every_read_is_one_path_and_its_fields(
    endpoint: Endpoint, account_id: str, object_id: str
) -> None:
    """Nothing that Meta removed, and not what it does not know."""
    request = read(endpoint, account_id, object_id)
    assert request.endpoint == endpoint
    url = urlsplit(request.url("v25.0", "ab" * 32))
    query = dict(parse_qsl(url.query))
    assert query.pop("appsecret_proof") == "ab" * 32
    assert list(query) == ["fields"]
    assert object_id in unquote(request.url("v25.0"))
    assert url.path in (f"v25.0/{object_id}", f"v25.0/{account_id}")


@given(st.sampled_from(ENDPOINTS), ids, not_ids)
def test_only_digits_are_ids(endpoint: Endpoint, account_id: str, other: str) -> None:
    """Anything else could be another path, or another expression."""
    with pytest.raises(ValueError, match="digits"):
        read(endpoint, account_id, other)
    if endpoint.startswith("mentioned"):
        with pytest.raises(ValueError, match="digits"):
            read(endpoint, other, account_id)


@given(st.lists(ids, min_size=1, max_size=50))
def test_a_batch_keeps_the_order(comment_ids: list[str]) -> None:
    """Each item with version, fields and the proof of its own."""
    items = orjson.loads(batch_items([comment(one) for one in comment_ids], "v25.0", "aa"))
    assert [item["method"] for item in items] == ["GET"] * len(comment_ids)
    assert [urlsplit(item["relative_url"]).path for item in items] == [
        f"v25.0/{one}" for one in comment_ids
    ]
    for item in items:
        query = dict(parse_qsl(urlsplit(item["relative_url"]).query))
        assert set(query) == {"fields", "appsecret_proof"}


@pytest.mark.parametrize("count", [0, 51])
def test_a_batch_has_one_to_fifty(count: int) -> None:
    """Meta refuses more as a whole."""
    with pytest.raises(ValueError, match="1 to 50"):
        batch_items([comment("1")] * count, "v25.0", "aa")


def test_replies_of_a_comment() -> None:
    """From cursor to cursor, with what tells our own."""
    first, second = comment_replies("179"), comment_replies("179", "QVFI+/=")
    assert first.url("v25.0") == (
        "v25.0/179/replies?fields=id,text,timestamp,username,from%7Bid,username%7D&limit=50"
    )
    assert dict(parse_qsl(urlsplit(second.url("v25.0")).query))["after"] == "QVFI+/="


def test_subscriptions_and_permissions() -> None:
    """What doctor and watchdog read."""
    assert page_subscriptions("17").url("v25.0") == (
        "v25.0/17/subscribed_apps?fields=id,name,subscribed_fields"
    )
    more = page_subscriptions("17", "QVFI+/=").url("v25.0")
    assert dict(parse_qsl(urlsplit(more).query))["after"] == "QVFI+/="
    assert app_subscriptions("1").url("v25.0").startswith("v25.0/1/subscriptions?fields=object,")
    assert user_permissions().path == "me/permissions"


def test_an_answer_to_a_mention() -> None:
    """In a comment, or with the media alone in a caption."""
    write = mention_reply("1784", "180", "179", "Hi")
    assert write.url("v25.0", "aa") == "v25.0/1784/mentions?appsecret_proof=aa"
    assert dict(write.form) == {"media_id": "180", "comment_id": "179", "message": "Hi"}
    assert dict(mention_reply("1784", "180", None, "Hi").form) == {
        "media_id": "180",
        "message": "Hi",
    }


def test_an_answer_to_a_comment() -> None:
    """On media of our own."""
    write = comment_reply("179", "Hi")
    assert (write.endpoint, write.path) == ("comment_reply", "179/replies")
    assert dict(write.form) == {"message": "Hi"}


def test_subscribing() -> None:
    """Pages to fields of theirs, apps to those of `instagram`, with their values."""
    page = page_subscribe("17", ["feed", "mention"])
    assert (page.path, page.form) == (
        "17/subscribed_apps",
        (("subscribed_fields", "feed,mention"),),
    )
    app = app_subscribe("1", "https://host/webhooks/instagram", "the-token", ["comments"])
    assert app.path == "1/subscriptions"
    assert dict(app.form) == {
        "object": "instagram",
        "callback_url": "https://host/webhooks/instagram",
        "fields": "comments",
        "include_values": "true",
        "verify_token": "the-token",
    }


@given(ids, st.text())
def test_no_write_shows_what_it_says(object_id: str, message: str) -> None:
    """Nor asks for fields, nor puts a message where logs of servers would have it."""
    told = f"<{message}>"
    writes = [
        mention_reply(object_id, object_id, object_id, told),
        mention_reply(object_id, object_id, None, told),
        comment_reply(object_id, told),
        app_subscribe(object_id, told, told, []),
    ]
    for write in writes:
        assert isinstance(write, GraphWrite)
        assert told not in repr(write) + unquote(write.url("v25.0", "aa"))
        assert "fields" not in write.url("v25.0", "aa")
        assert ("fields" in dict(write.form)) == (write.endpoint == "app_subscribe")


@given(ids, not_ids)
def test_writes_take_only_digits_for_ids(object_id: str, other: str) -> None:
    """Anything else could be another path."""
    makes: list[Callable[[], GraphWrite]] = [
        lambda: mention_reply(other, object_id, None, "Hi"),
        lambda: mention_reply(object_id, other, None, "Hi"),
        lambda: mention_reply(object_id, object_id, other, "Hi"),
        lambda: comment_reply(other, "Hi"),
        lambda: page_subscribe(other, []),
        lambda: app_subscribe(other, "", "", []),
    ]
    for make in makes:
        with pytest.raises(ValueError, match="digits"):
            make()
