"""The simulated Graph API answers as Meta's pages print it: the same members, in the same form."""

import json
import re
from typing import Any

import pytest

from simulator.graph.calls import Call, Reply
from simulator.graph.graph import Graph
from simulator.graph.options import GraphOptions

ACCOUNT = "17841405726653026"
COMMENT = "17894227972186120"
MEDIA = "17918195224117851"

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000")


@pytest.fixture
def graph() -> Graph:
    """One with the account of the platform's own page, and no albums."""
    return Graph(
        GraphOptions(account_ids=(ACCOUNT,), app_id="42", app_secret="hush", album_share=0.0)
    )


def get(graph: Graph, path: str, **params: str) -> Reply:
    """The answer to a GET with a user token."""
    token = {"access_token": graph.tokens.user_token(0)}
    return graph.answer(Call("GET", path, token | params))


def post(graph: Graph, path: str, **params: str) -> Reply:
    """The answer to a POST with a user token, where no other one is given."""
    token = {"access_token": graph.tokens.user_token(0)}
    return graph.answer(Call("POST", path, token | params))


def test_mentioned_comment(graph: Graph) -> None:
    """https://developers.facebook.com/docs/instagram-api/guides/webhooks/ prints this answer."""
    given = {"timestamp": "2018-03-20T00:05:29+0000", "text": "@bluebottle challenge?"}
    graph.contents.give(COMMENT, given)
    reply = get(graph, f"/{ACCOUNT}", fields=f"mentioned_comment.comment_id({COMMENT})")
    documented = {"mentioned_comment": {**given, "id": COMMENT}, "id": ACCOUNT}
    assert json.dumps(reply.document) == json.dumps(documented)


def test_mentioned_media(graph: Graph) -> None:
    """The same page."""
    given = {"caption": "@bluebottle There can be only one!", "media_type": "IMAGE"}
    graph.contents.give(MEDIA, given)
    fields = f"mentioned_media.media_id({MEDIA}){{caption,media_type}}"
    reply = get(graph, f"/{ACCOUNT}", fields=fields)
    documented = {"mentioned_media": {**given, "id": MEDIA}, "id": ACCOUNT}
    assert json.dumps(reply.document) == json.dumps(documented)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        (
            f"mentioned_comment.comment_id({COMMENT})",
            "id,text,timestamp,like_count,media{id,media_url,media_type}",
        ),
        (
            f"mentioned_media.media_id({MEDIA})",
            "id,caption,media_type,media_url,timestamp,like_count,comments_count,username",
        ),
    ],
)
def test_mentions_have_the_documented_fields(graph: Graph, field: str, fields: str) -> None:
    """All are told, in the form that they have everywhere."""
    answer = get(graph, f"/v25.0/{ACCOUNT}", fields=f"{field}{{{fields}}}").document
    found = answer[field.partition(".")[0]]
    assert list(found) == re.sub(r"\{.*\}", "", fields).split(",")
    _is_in_form(found)


def test_a_comment_has_the_documented_fields(graph: Graph) -> None:
    """https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-comment.md"""
    fields = (
        "id,text,timestamp,username,from{id,username},like_count,hidden,"
        "media{id,media_type,media_product_type}"
    )
    answer = get(graph, f"/v25.0/{COMMENT}", fields=fields).document
    assert list(answer) == re.sub(r"\{.*?\}", "", fields).split(",")
    assert answer["from"].keys() == {"id", "username"}
    assert answer["username"] == answer["from"]["username"]
    assert answer["media"].keys() == {"id", "media_type", "media_product_type"}
    assert isinstance(answer["hidden"], bool)
    _is_in_form(answer)


def test_media_have_the_documented_fields(graph: Graph) -> None:
    """https://developers.facebook.com/docs/instagram-platform/reference/instagram-media"""
    fields = (
        "id,caption,media_type,media_product_type,media_url,permalink,shortcode,timestamp,"
        "username,owner,comments_count,like_count"
    )
    answer = get(graph, f"/v25.0/{MEDIA}", fields=fields).document
    assert list(answer) == fields.split(",")
    assert answer["permalink"] == f"https://www.instagram.com/p/{answer['shortcode']}/"
    _is_in_form(answer)


def _is_in_form(answer: dict[str, Any]) -> None:
    """Ids are decimal text, times have an offset without a colon, counts are integers."""
    assert answer["id"].isdecimal()
    assert TIMESTAMP.fullmatch(answer["timestamp"])
    counts = [value for name, value in answer.items() if name.endswith("_count")]
    assert all(type(count) is int for count in counts)
    assert answer.get("media_type", "IMAGE") in ("IMAGE", "VIDEO", "CAROUSEL_ALBUM")
    if "media" in answer:
        assert answer["media"]["id"].isdecimal()


def test_errors_have_the_documented_envelope(graph: Graph) -> None:
    """https://developers.facebook.com/docs/graph-api/guides/error-handling"""
    graph.contents.give(COMMENT, None)
    reply = get(graph, f"/v25.0/{COMMENT}", fields="text")
    error = reply.document["error"]
    assert reply.status == 400
    assert list(error) == ["message", "type", "code", "error_subcode", "fbtrace_id"]
    assert (error["type"], error["code"], error["error_subcode"]) == (
        "GraphMethodException",
        100,
        33,
    )
    assert COMMENT in error["message"]


def test_usage_headers_have_the_documented_members(graph: Graph) -> None:
    """https://developers.facebook.com/docs/graph-api/overview/rate-limiting/"""
    for _ in range(5):
        reply = get(graph, f"/v25.0/{ACCOUNT}", fields="username")
    app = json.loads(reply.headers["X-App-Usage"])
    assert list(app) == ["call_count", "total_cputime", "total_time"]
    ((account_id, entries),) = json.loads(reply.headers["X-Business-Use-Case-Usage"]).items()
    assert account_id == ACCOUNT
    assert list(entries[0]) == ["type", *app, "estimated_time_to_regain_access"]
    assert entries[0].pop("type") == "instagram"
    assert all(type(value) is int for value in (*app.values(), *entries[0].values()))


def test_a_batch_has_the_documented_form(graph: Graph) -> None:
    """https://developers.facebook.com/docs/graph-api/batch-requests"""
    items = json.dumps([{"method": "GET", "relative_url": f"v25.0/{COMMENT}?fields=text"}])
    params = {"access_token": graph.tokens.user_token(0), "batch": items}
    (item,) = graph.answer(Call("POST", "/v25.0/", params)).document
    assert list(item) == ["code", "headers", "body"]
    assert all(header.keys() == {"name", "value"} for header in item["headers"])
    assert json.loads(item["body"])["id"] == COMMENT


def test_pages_have_the_documented_members(graph: Graph) -> None:
    """A Page tells its token and account; the answer, cursors."""
    fields = "id,name,access_token,tasks,instagram_business_account{id,username}"
    answer = get(graph, "/v25.0/me/accounts", fields=fields, limit="1").document
    assert list(answer["data"][0]) == re.sub(r"\{.*\}", "", fields).split(",")
    assert answer["data"][0]["instagram_business_account"].keys() == {"id", "username"}
    assert answer["paging"].keys() == {"cursors", "next"}
    assert answer["paging"]["cursors"].keys() == {"before", "after"}


def test_an_exchange_has_the_documented_answer(graph: Graph) -> None:
    """https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived"""
    params = {
        "grant_type": "fb_exchange_token",
        "client_id": "42",
        "client_secret": "hush",
        "fb_exchange_token": graph.tokens.user_token(0),
    }
    answer = graph.answer(Call("GET", "/v25.0/oauth/access_token", params)).document
    assert list(answer) == ["access_token", "token_type", "expires_in"]
    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 60 * 86_400


def test_debug_token_has_the_documented_members(graph: Graph) -> None:
    """https://developers.facebook.com/docs/facebook-login/guides/access-tokens/debug_token"""
    params = {"input_token": graph.tokens.user_token(0), "access_token": "42|hush"}
    told = graph.answer(Call("GET", "/v25.0/debug_token", params)).document["data"]
    assert told.keys() >= {
        "app_id",
        "application",
        "type",
        "is_valid",
        "expires_at",
        "data_access_expires_at",
        "scopes",
        "granular_scopes",
        "user_id",
    }
    assert (told["app_id"], told["type"], told["is_valid"]) == ("42", "USER", True)
    assert told["granular_scopes"][0].keys() == {"scope", "target_ids"}


def test_a_mention_is_answered_with_an_id(graph: Graph) -> None:
    """https://developers.facebook.com/docs/instagram-api/reference/ig-user/mentions"""
    params = {"media_id": MEDIA, "comment_id": COMMENT, "message": "Thanks!"}
    answer = post(graph, f"/v25.0/{ACCOUNT}/mentions", **params).document
    assert list(answer) == ["id"]
    assert answer["id"].isdecimal()


def test_replies_have_the_documented_form(graph: Graph) -> None:
    """https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-comment/replies.md"""
    graph.contents.give(COMMENT, {"hidden": False})
    answer = post(graph, f"/v25.0/{COMMENT}/replies", message="Thanks!").document
    assert list(answer) == ["id"]
    listed = get(graph, f"/v25.0/{COMMENT}/replies").document
    assert [list(one) for one in listed["data"]] == [["timestamp", "text", "id"]]
    assert (listed["data"][0]["id"], listed["data"][0]["text"]) == (answer["id"], "Thanks!")
    _is_in_form(listed["data"][0])


def test_a_pages_subscription_has_the_documented_form(graph: Graph) -> None:
    """https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps"""
    page = graph.directory.accounts[ACCOUNT]
    path, token = f"/v25.0/{page.page_id}/subscribed_apps", graph.tokens.page_token(page)
    refused = post(graph, path, access_token=token, subscribed_fields="comments")
    message = refused.document["error"]["message"]
    expected = "(#100) Param subscribed_fields[0] must be one of {feed, mention, "
    assert message.startswith(expected)
    done = post(graph, path, access_token=token, subscribed_fields="feed").document
    assert done == {"success": True}
    fields = "id,name,subscribed_fields"
    (app,) = get(graph, path, access_token=token, fields=fields).document["data"]
    assert list(app) == fields.split(",")
    assert (app["id"], app["subscribed_fields"]) == ("42", ["feed"])


def test_an_apps_subscription_has_the_documented_form(graph: Graph) -> None:
    """https://developers.facebook.com/docs/graph-api/webhooks/subscriptions-edge"""
    params = {
        "access_token": "42|hush",
        "object": "instagram",
        "callback_url": "https://hooks.example/",
        "fields": "comments",
        "verify_token": "once",
        "include_values": "true",
    }
    path = "/v25.0/42/subscriptions"
    assert post(graph, path, **params).document == {"success": True}
    (told,) = get(graph, path, access_token="42|hush").document["data"]
    assert told.keys() == {"object", "callback_url", "active", "fields"}
    assert told["fields"] == [{"name": "comments", "version": "v25.0"}]


def test_permissions_have_the_documented_form(graph: Graph) -> None:
    """https://developers.facebook.com/docs/graph-api/reference/user/permissions/"""
    told = get(graph, "/v25.0/me/permissions").document["data"]
    assert {"permission": "instagram_basic", "status": "granted"} in told


def test_own_replies_come_back_as_captured(graph: Graph) -> None:
    """The members of an own comment's delivery that was captured, and the comment above it."""
    graph.contents.give(COMMENT, {"hidden": False})
    post(graph, f"/v25.0/{COMMENT}/replies", message="Thanks!")
    document = json.loads(graph.deliveries[0].body)
    value = document["entry"][0]["changes"][0]["value"]
    assert document.keys() == {"entry", "object"}
    assert value.keys() == {"from", "media", "id", "parent_id", "text"}
    assert value["from"].keys() == {"id", "username", "self_ig_scoped_id"}
    assert value["from"]["id"] == document["entry"][0]["id"]
    assert value["media"].keys() == {"id", "media_product_type"}


def test_bodies_are_ascii_with_escaped_slashes(graph: Graph) -> None:
    """As Meta writes JSON."""
    graph.contents.give(COMMENT, {"text": "schön 1/2 🔥"})
    body = get(graph, f"/{COMMENT}", fields="text").body
    assert body == r'{"text":"sch\u00f6n 1\/2 \ud83d\udd25","id":"17894227972186120"}'
