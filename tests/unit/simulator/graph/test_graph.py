"""The Graph API as a whole, without a network."""

import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.calls import Call, Reply
from simulator.graph.faults import Fault
from simulator.graph.graph import Graph
from simulator.graph.options import GraphOptions
from simulator.graph.usage import Limit

ONE, TWO = "17841400000000001", "17841400000000002"
COMMENT = "17900000000000001"
FIELDS = "id,text,timestamp"


class Clock:
    """Unix seconds, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_795_000_000.0

    def __call__(self) -> float:
        """Now."""
        return self.now_s


def ask(graph: Graph, path: str, **params: str) -> Reply:
    """The answer to a GET with the first user's token."""
    return ask_as(graph, 0, path, **params)


def ask_as(graph: Graph, user: int, path: str, **params: str) -> Reply:
    """The same with another user's."""
    token = graph.tokens.user_token(user)
    return graph.answer(Call("GET", path, {"access_token": token, **params}))


def batch(graph: Graph, *urls: str, **params: str) -> Reply:
    """The answer to a batch of GETs."""
    items = json.dumps([{"method": "GET", "relative_url": url} for url in urls])
    token = graph.tokens.user_token(0)
    return graph.answer(Call("POST", "/v25.0/", {"access_token": token, "batch": items, **params}))


def code(reply: Reply) -> str:
    """`ok`, or code and subcode."""
    error = reply.document.get("error")
    if error is None:
        return "ok"
    subcode = error.get("error_subcode")
    return f"{error['code']}/{subcode}" if subcode else str(error["code"])


def usage(reply: Reply, account_id: str = ONE) -> dict[str, Any]:
    """What the header tells of an account."""
    told: dict[str, Any] = json.loads(reply.headers["X-Business-Use-Case-Usage"])[account_id][0]
    return told


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        (f"/v25.0/{COMMENT}", {"fields": FIELDS}, "ok"),
        (f"/{COMMENT}", {}, "ok"),
        (f"/v25.0/{COMMENT}", {"fields": "id,caption,mood"}, "100"),
        (f"/v25.0/{COMMENT}", {"fields": "text{id}"}, "100"),
        (f"/v25.0/{COMMENT}", {"fields": "text,"}, "2500"),
        ("/v25.0/abc", {}, "803"),
        ("/v25.0/1/2", {}, "2500"),
        ("/v25.0/", {}, "2500"),
        ("/v99.0/1", {}, "2500"),
        ("/v25.0/", {"ids": "1,2"}, "100"),
        ("/v25.0/me", {}, "ok"),
        ("/v25.0/me", {"access_token": "EAAno"}, "190"),
        ("/v25.0/me", {"access_token": ""}, "104"),
        ("/v25.0/me", {"appsecret_proof": "no"}, "100"),
        ("/v25.0/me/accounts", {"limit": "x"}, "100"),
        ("/v25.0/me/accounts", {"after": "x"}, "100"),
        (f"/v25.0/{ONE}", {"fields": "username"}, "ok"),
        (f"/v25.0/{ONE}", {"fields": "mentioned_comment{id}"}, "100"),
        ("/v25.0/oauth/access_token", {"grant_type": "password"}, "100"),
    ],
)
def test_what_calls_are_answered(path: str, params: dict[str, str], expected: str) -> None:
    """Each by its code."""
    assert code(ask(Graph(), path, **params)) == expected


@given(st.text(max_size=20), st.dictionaries(st.text(max_size=6), st.text(max_size=20), max_size=3))
def test_whatever_is_called_is_answered(path: str, params: dict[str, str]) -> None:
    """With an object, or with an error that has a code."""
    reply = ask(Graph(), f"/{path}", **{f"x{name}": value for name, value in params.items()})
    assert isinstance(json.loads(reply.body), dict)
    assert reply.status == 200 or reply.document["error"]["code"]


@given(st.text(max_size=40))
def test_whatever_a_batch_holds_is_answered(items: str) -> None:
    """Or refused as a whole."""
    graph = Graph()
    reply = graph.answer(Call("POST", "/", {"batch": items}))
    assert reply.status == 400 or isinstance(reply.document, list)


def test_only_get_is_taken() -> None:
    """Everything else is 100/33, as for an object that does not support it."""
    graph = Graph()
    token = graph.tokens.user_token(0)
    reply = graph.answer(Call("DELETE", f"/v25.0/{COMMENT}", {"access_token": token}))
    assert code(reply) == "100/33"


def test_the_answering_version_is_told() -> None:
    """Also where it is not the one that was asked for."""
    graph = Graph(clock=Clock())
    told = [
        ask(graph, path).headers["facebook-api-version"]
        for path in ("/v25.0/me", "/v19.0/me", "/me", "/v99.0/me")
    ]
    assert told == ["v25.0", "v21.0", "v25.0", "v25.0"]


def test_pages_are_walked_by_cursors() -> None:
    """Every Page once, the one without an account too; only the last has no link."""
    graph = Graph(GraphOptions(accounts=7, page_size=3))
    found: list[dict[str, Any]] = []
    params = {"fields": "id,access_token,instagram_business_account{id}", "limit": "100"}
    for _ in range(3):
        answer = ask(graph, "/v25.0/me/accounts", **params).document
        found += answer["data"]
        params["after"] = answer["paging"]["cursors"]["after"]
    assert "next" not in answer["paging"]
    assert len({page["id"] for page in found}) == len(found) == 8
    accounts = [page.get("instagram_business_account", {}).get("id") for page in found]
    assert accounts == [*graph.directory.accounts, None]
    assert ask(graph, "/v25.0/me/accounts", **params).document == {"data": []}
    page = ask(graph, "/v25.0/me", access_token=found[0]["access_token"])
    assert page.document["id"] == found[0]["id"]


def test_items_of_a_batch_fail_each_by_itself() -> None:
    """The whole is 200; each item has its code, headers and a body that is text."""
    graph = Graph()
    reply = batch(graph, f"v25.0/{COMMENT}?fields=text", "/v19.0/abc", "me?access_token=EAAno")
    assert reply.status == 200
    assert [item["code"] for item in reply.document] == [200, 404, 400]
    assert json.loads(reply.document[0]["body"]).keys() == {"text", "id"}
    headers = [{one["name"]: one["value"] for one in item["headers"]} for item in reply.document]
    assert [one["facebook-api-version"] for one in headers] == ["v25.0", "v21.0", "v25.0"]
    trimmed = batch(graph, "me", include_headers="false").document[0]
    assert trimmed.keys() == {"code", "body"}


def test_a_batch_is_refused_as_a_whole_when_it_is_wrong_itself() -> None:
    """More than 50 items, no list, a dead token; and nothing of it counts."""
    graph = Graph()
    assert batch(graph, *["me"] * 50).status == 200
    before = graph.summary()["calls"]
    assert code(batch(graph, *["me"] * 51)) == "100"
    assert code(batch(graph)) == "100"
    assert code(batch(graph, "me", access_token="EAAno")) == "190"
    assert graph.summary()["calls"] == before == 50


def test_proofs_are_asked_of_each_item() -> None:
    """That of the batch is not taken for them."""
    graph = Graph(GraphOptions(require_proof=True, app_secret="hush"))
    token = graph.tokens.user_token(0)
    proof = hmac.digest(b"hush", token.encode(), "sha256").hex()
    reply = batch(graph, "me", f"me?appsecret_proof={proof}", appsecret_proof=proof)
    assert [item["code"] for item in reply.document] == [400, 200]


def test_each_call_counts_until_the_limit_and_then_80002() -> None:
    """Items of a batch too; one account's limit holds up no other, and time gives calls back."""
    clock = Clock()
    limit = Limit(10, 600.0, penalty_s=60.0, told_after=2)
    graph = Graph(GraphOptions(users=3, account_limit=limit), clock)
    assert "X-Business-Use-Case-Usage" not in ask(graph, f"/v25.0/{COMMENT}").headers
    reply = batch(graph, *[f"v25.0/{COMMENT}?fields=text"] * 8)
    assert usage(reply)["call_count"] == 90
    assert usage(ask(graph, f"/v25.0/{COMMENT}"))["call_count"] == 100
    refused = ask(graph, f"/v25.0/{COMMENT}")
    assert code(refused) == "80002/2446079"
    assert usage(refused)["estimated_time_to_regain_access"] == 10
    assert code(ask_as(graph, 1, f"/v25.0/{COMMENT}")) == "ok"
    assert code(ask(graph, "/v25.0/me")) == "ok"
    clock.now_s += 600
    assert code(ask(graph, f"/v25.0/{COMMENT}")) == "ok"
    counts = graph.summary()["accounts"]
    assert counts[ONE] == {
        "calls": 12, "limit": 10, "in_window": 1, "peak": 11,
        "throttled": 1, "throttled_after_told": 1,
    }  # fmt: skip
    assert counts[TWO]["calls"] == 1


def test_the_apps_own_limit_is_code_4() -> None:
    """For all accounts, and for calls that are for none."""
    graph = Graph(GraphOptions(users=3, app_limit=Limit(2, 3600.0)))
    ask(graph, "/v25.0/me")
    told = json.loads(ask(graph, "/v25.0/me").headers["X-App-Usage"])
    assert told == {"call_count": 100, "total_cputime": 60, "total_time": 80}
    assert code(ask_as(graph, 2, f"/v25.0/{COMMENT}")) == "4"


def test_a_missing_permission_is_code_10() -> None:
    """For what needs it only; without pages_show_list there are no Pages."""
    graph = Graph(GraphOptions(scopes=("instagram_basic",)))
    assert code(ask(graph, f"/v25.0/{COMMENT}", fields="text")) == "10"
    assert code(ask(graph, f"/v25.0/{COMMENT}", fields="caption")) == "ok"
    assert ask(graph, "/v25.0/me/accounts").document == {"data": []}


def test_faults_of_calls_are_answered_and_count() -> None:
    """As codes; in a batch an unfinished item is null."""
    wanted = (
        Fault(kind="error", code=190, subcode=460, account_id=TWO),
        Fault(kind="error", code=2, attempts=1, object_id=COMMENT),
        Fault(kind="unfinished", object_id="17900000000000002"),
    )
    graph = Graph(GraphOptions(users=3, faults=wanted))
    assert code(ask(graph, f"/v25.0/{COMMENT}")) == "2"
    assert code(ask(graph, f"/v25.0/{COMMENT}")) == "ok"
    assert code(ask_as(graph, 1, "/v25.0/17900000000000003")) == "190/460"
    items = batch(graph, f"v25.0/{COMMENT}", "v25.0/17900000000000002").document
    assert items[0]["code"] == 200
    assert items[1] is None
    summary = graph.summary()
    assert summary["faults"] == {"error": 2, "unfinished": 1}
    assert summary["answers"] == {"2": 1, "ok": 2, "190/460": 1, "-2": 1}
    assert summary["accounts"][ONE]["calls"] == 4


def test_reads_are_counted_by_object() -> None:
    """Calls and answers, and in what order objects came."""
    graph = Graph(GraphOptions(invent=False, account_ids=("17841405726653026",)))
    graph.contents.give("17894227972186120", {"text": "x"})
    mention = "mentioned_comment.comment_id(17894227972186120){text}"
    for _ in range(2):
        ask(graph, "/v25.0/17841405726653026", fields=mention)
    ask(graph, f"/v25.0/{COMMENT}", fields="text")
    reads = {one: read.summary() for one, read in graph.statistics.reads.items()}
    mentioned = reads["17894227972186120"]
    assert (mentioned["endpoint"], mentioned["calls"]) == ("mentioned_comment", 2)
    assert (mentioned["answered"], mentioned["calls_before"]) == (2, 0)
    assert (reads[COMMENT]["answered"], reads[COMMENT]["calls_before"]) == (0, 2)
    summary = graph.summary()
    assert (summary["objects"], summary["objects_answered"]) == (2, 1)
    assert summary["most_answers_for_one_object"] == 2
    graph.clear_statistics()
    assert graph.summary()["calls"] == 0
    assert graph.summary()["accounts"][ONE]["calls"] == 1
