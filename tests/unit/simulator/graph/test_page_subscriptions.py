"""A Page's subscription: read, replaced, refused, dropped."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.calls import Reply
from simulator.graph.graph import Graph
from simulator.graph.options import GraphOptions
from simulator.graph.page_subscriptions import FIELDS
from tests.unit.simulator.graph.calling import ACCOUNT, OTHER, PAGE, call, outcome


def of_page(graph: Graph, method: str, **params: str) -> Reply:
    """The answer to a call with the Page's own token."""
    token = graph.tokens.page_token(graph.directory.pages[PAGE])
    return call(graph, method, f"{PAGE}/subscribed_apps", token, **params)


def listed(graph: Graph, **params: str) -> Any:
    """The apps on the Page, or a part of them."""
    return of_page(graph, "GET", **params).document["data"]


def subscribe(graph: Graph, fields: str) -> str:
    """What becomes of a subscription."""
    return outcome(of_page(graph, "POST", subscribed_fields=fields))


def test_a_page_is_subscribed_read_and_unsubscribed() -> None:
    """The app with its fields, where they are asked for; afterwards nobody."""
    graph = Graph()
    assert of_page(graph, "GET").document == {"data": []}
    assert of_page(graph, "POST", subscribed_fields="feed").document == {"success": True}
    app_id = graph.options.app_id
    assert listed(graph, fields="subscribed_fields") == [
        {"subscribed_fields": ["feed"], "id": app_id}
    ]
    assert listed(graph) == [{"name": "Simulated", "id": app_id}]
    assert of_page(graph, "DELETE").document == {"success": True}
    assert of_page(graph, "GET").document == {"data": []}


CALM = st.lists(st.sampled_from(sorted(FIELDS[:16])), min_size=1, unique=True)


@given(CALM, CALM)
def test_a_list_is_replaced_not_added_to(first: list[str], second: list[str]) -> None:
    """Whatever was before."""
    graph = Graph()
    assert subscribe(graph, ",".join(first)) == subscribe(graph, ",".join(second)) == "ok"
    assert graph.pages.fields(PAGE) == graph.pages.fields(ACCOUNT) == tuple(second)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [("comments", "100"), ("feed,mentions", "100"), ("", "100"), ("feed,messages", "200")],
)
def test_what_a_page_does_not_take_is_refused_as_a_whole(fields: str, expected: str) -> None:
    """Instagram's fields with those that are possible; messages without their permission."""
    graph = Graph(GraphOptions(page_fields=("name",)))
    assert subscribe(graph, fields) == expected
    assert graph.pages.fields(PAGE) == ("name",)


def test_messages_need_their_permission() -> None:
    """With it they are taken."""
    graph = Graph(GraphOptions(scopes=("pages_manage_metadata", "pages_messaging")))
    assert subscribe(graph, "messages") == "ok"


def test_only_the_pages_own_token_is_taken() -> None:
    """Users, system users and the app are asked for it; another Page's sees none."""
    graph = Graph()
    tokens = graph.tokens
    app = f"{graph.options.app_id}|{graph.options.app_secret}"
    for token in (tokens.user_token(0), tokens.system_token(0), app):
        for method in ("GET", "POST", "DELETE"):
            reply = call(graph, method, f"{PAGE}/subscribed_apps", token, subscribed_fields="feed")
            assert outcome(reply) == "190"
            assert "Page access token" in reply.document["error"]["message"]
    other = tokens.page_token(graph.directory.accounts[OTHER])
    assert outcome(call(graph, "GET", f"{PAGE}/subscribed_apps", other)) == "100/33"
    assert not graph.pages.fields(PAGE)


@pytest.mark.parametrize(
    "broken",
    [
        {"scopes": ("instagram_basic",)},
        {"targets": {"pages_manage_metadata": (OTHER,)}},
        {"tasks": ("ANALYZE",)},
    ],
)
def test_changing_needs_the_permission_and_a_task(broken: dict[str, Any]) -> None:
    """For this Page; reading needs none of them."""
    graph = Graph(GraphOptions(page_fields=("feed",)))
    graph.grants.now = graph.grants.first.model_copy(update=broken)
    assert subscribe(graph, "name") == outcome(of_page(graph, "DELETE")) == "200"
    assert graph.pages.fields(PAGE) == ("feed",)
    assert outcome(of_page(graph, "GET")) == "ok"


def test_a_page_may_not_be_subscribed_although_all_is_well() -> None:
    """With 200 and `false`, as was reported."""
    graph = Graph(GraphOptions(refuse_pages=True))
    reply = of_page(graph, "POST", subscribed_fields="feed")
    assert (reply.status, reply.document) == (200, {"success": False})
    assert of_page(graph, "GET").document == {"data": []}


def test_a_subscription_can_be_dropped() -> None:
    """By the account's id or the Page's; other Pages keep theirs."""
    graph = Graph(GraphOptions(page_fields=("feed",)))
    graph.pages.put(ACCOUNT, ())
    assert of_page(graph, "GET").document == {"data": []}
    assert graph.pages.fields(OTHER) == ("feed",)
    with pytest.raises(KeyError):
        graph.pages.put("1", ())
