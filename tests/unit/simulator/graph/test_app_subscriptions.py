"""The app's subscription: handshake, fields with versions, what is refused and removed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.app_subscriptions import INSTAGRAM_FIELDS, AppSubscription
from simulator.graph.calls import Call, Reply
from simulator.graph.graph import Graph
from simulator.graph.options import GraphOptions
from tests.unit.simulator.graph.calling import PAGE, call, outcome

WANTED = {
    "object": "instagram",
    "callback_url": "https://hooks.example/webhooks/instagram",
    "verify_token": "once",
    "fields": "comments,mentions",
}

OPTIONS = GraphOptions(app_id="42", app_secret="hush")


def of_app(graph: Graph, method: str, **params: str) -> Reply:
    """The answer to a call with the app's token."""
    return call(graph, method, "42/subscriptions", "42|hush", **params)


def test_fields_are_added_at_the_version_of_the_call() -> None:
    """Those before keep theirs; the callback is the last one."""
    graph = Graph(OPTIONS)
    token = {"access_token": "42|hush"}
    older = Call("POST", "/v24.0/42/subscriptions", {**token, **WANTED})
    assert graph.answer(older).document == {"success": True}
    moved = {**WANTED, "callback_url": "https://other.example/", "fields": "live_comments"}
    assert of_app(graph, "POST", **moved).document == {"success": True}
    assert of_app(graph, "GET").document == {
        "data": [
            {
                "object": "instagram",
                "callback_url": "https://other.example/",
                "active": True,
                "fields": [
                    {"name": "comments", "version": "v24.0"},
                    {"name": "mentions", "version": "v24.0"},
                    {"name": "live_comments", "version": "v25.0"},
                ],
            }
        ]
    }


NAMES = st.lists(st.sampled_from(INSTAGRAM_FIELDS), min_size=1, unique=True)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_fields_are_the_union_of_all(calls: list[list[str]]) -> None:
    """In whatever order they are added."""
    graph = Graph(OPTIONS)
    for names in calls:
        assert outcome(of_app(graph, "POST", **{**WANTED, "fields": ",".join(names)})) == "ok"
    assert set(graph.apps.fields()) == {name for names in calls for name in names}


def test_the_callback_is_asked_with_token_and_challenge() -> None:
    """Before the call is answered, where all else is right; nothing else asks for it."""
    graph = Graph(OPTIONS)
    params = {"access_token": "42|hush", **WANTED}
    wanted = Call("POST", "/v25.0/42/subscriptions", params)
    handshake = graph.handshake(wanted)
    assert handshake is not None
    assert (handshake.callback_url, handshake.verify_token) == (WANTED["callback_url"], "once")
    assert handshake.challenge.isdecimal()
    assert "once" not in repr(handshake)
    for other in (
        Call("GET", "/v25.0/42/subscriptions", params),
        Call("POST", "/v25.0/42/subscriptions", {**params, "fields": "feed"}),
        Call("POST", "/v25.0/42/subscriptions", {**params, "access_token": "no"}),
        Call("POST", "/v25.0/42/subscriptions", params | {"access_token": _user(graph)}),
        Call("POST", f"/v25.0/{PAGE}/subscribed_apps", params),
    ):
        assert graph.handshake(other) is None


def test_a_failed_handshake_is_2200_and_changes_nothing() -> None:
    """What was wrong is told."""
    graph = Graph(OPTIONS)
    params = {"access_token": "42|hush", **WANTED}
    reply = graph.answer(Call("POST", "/v25.0/42/subscriptions", params, "HTTP Status Code = 403"))
    assert outcome(reply) == "2200"
    assert "HTTP Status Code = 403" in reply.document["error"]["message"]
    assert not graph.apps.fields()


@pytest.mark.parametrize(
    "wrong",
    [
        {"object": "instagrams"},
        {"object": ""},
        {"fields": "comments,feed"},
        {"fields": ""},
        {"callback_url": "hooks.example"},
        {"verify_token": ""},
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, str]) -> None:
    """All are needed, and each field must be one of the object's."""
    graph = Graph(OPTIONS)
    assert outcome(of_app(graph, "POST", **{**WANTED, **wrong})) == "100"
    assert of_app(graph, "GET").document == {"data": []}


def test_instagram_may_be_for_the_dashboard_alone() -> None:
    """Where that is so, other objects are taken all the same."""
    graph = Graph(GraphOptions(app_id="42", app_secret="hush", refuse_instagram=True))
    assert outcome(of_app(graph, "POST", **WANTED)) == "100"
    assert outcome(of_app(graph, "POST", **{**WANTED, "object": "page", "fields": "feed"})) == "ok"


def test_only_the_apps_own_token_is_taken() -> None:
    """15 for others; another app's id leads nowhere."""
    graph = Graph(OPTIONS)
    for method in ("GET", "POST", "DELETE"):
        assert outcome(call(graph, method, "42/subscriptions", **WANTED)) == "15"
    assert outcome(call(graph, "GET", "43/subscriptions", "42|hush")) == "2500"
    assert outcome(call(graph, "POST", "43/subscriptions", "42|hush", **WANTED)) == "100/33"


@pytest.mark.parametrize(
    ("removed", "left"),
    [
        (
            {"object": "instagram", "fields": "comments"},
            {"instagram": ("mentions",), "page": ("feed",)},
        ),
        ({"object": "instagram", "fields": "comments,mentions"}, {"page": ("feed",)}),
        ({"object": "instagram"}, {"page": ("feed",)}),
        ({"object": "user"}, {"instagram": ("comments", "mentions"), "page": ("feed",)}),
        ({}, {}),
    ],
)
def test_removing(removed: dict[str, str], left: dict[str, tuple[str, ...]]) -> None:
    """Fields, an object, or without one everything."""
    graph = Graph(OPTIONS)
    of_app(graph, "POST", **WANTED)
    of_app(graph, "POST", **{**WANTED, "object": "page", "fields": "feed"})
    assert of_app(graph, "DELETE", **removed).document == {"success": True}
    assert {one["object"] for one in of_app(graph, "GET").document["data"]} == left.keys()
    assert all(graph.apps.fields(name) == fields for name, fields in left.items())


def test_an_inactive_subscription_sends_nothing() -> None:
    """It is listed all the same."""
    graph = Graph(OPTIONS)
    graph.apps.put(
        [AppSubscription(callback_url="https://x.example", active=False, fields={"comments": "v9"})]
    )
    assert not graph.apps.fields()
    assert of_app(graph, "GET").document["data"][0]["active"] is False


def _user(graph: Graph) -> str:
    return graph.tokens.user_token(0)
