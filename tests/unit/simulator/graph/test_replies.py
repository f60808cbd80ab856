"""Answers to mentions and comments: what is written, refused, read again, and told of."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.faults import Fault
from simulator.graph.graph import Graph
from simulator.graph.options import GraphOptions
from tests.unit.simulator.graph.calling import ACCOUNT, OTHER, Clock, call, outcome

COMMENT = "17900000000000001"
OWN_MEDIA = "18000000000000001"
MENTION, FOREIGN_MEDIA = "17900000000000002", "18000000000000002"
CAPTION_MEDIA = "18000000000000003"


def told(**options: Any) -> Graph:
    """A graph that knows a comment, a mention in a comment, and one in a caption."""
    graph = Graph(GraphOptions(**{"album_share": 0.0, "invent": False, **options}), Clock())
    tell(graph, "comments", id=COMMENT, text="price?", media=media(OWN_MEDIA, "FEED"))
    tell(graph, "mentions", media_id=FOREIGN_MEDIA, comment_id=MENTION)
    tell(graph, "mentions", media_id=CAPTION_MEDIA)
    graph.contents.give(COMMENT, {"hidden": False})
    return graph


def media(media_id: str, product_type: str) -> dict[str, str]:
    """The media of a comment."""
    return {"id": media_id, "media_product_type": product_type}


def tell(graph: Graph, field: str, **value: Any) -> None:
    """Makes one change known."""
    entry = {"id": ACCOUNT, "time": 1, "changes": [{"field": field, "value": value}]}
    assert graph.tell(json.dumps({"object": "instagram", "entry": [entry]}).encode()) == 1


def answer(graph: Graph, comment_id: str = COMMENT, **params: str) -> str:
    """What becomes of an answer to a comment."""
    return outcome(call(graph, "POST", f"{comment_id}/replies", **{"message": "hi", **params}))


def answer_mention(graph: Graph, account_id: str = ACCOUNT, **params: str) -> str:
    """What becomes of an answer to a mention."""
    return outcome(call(graph, "POST", f"{account_id}/mentions", **{"message": "hi", **params}))


def test_mentions_are_answered() -> None:
    """In a comment and in a caption; every one is kept in order, with what was said."""
    graph = told()
    first = call(
        graph, "POST", f"{ACCOUNT}/mentions", message="thanks", media_id=FOREIGN_MEDIA,
        comment_id=MENTION,
    )  # fmt: skip
    second = call(graph, "POST", f"{ACCOUNT}/mentions", message="oh", media_id=CAPTION_MEDIA)
    assert [reply.document for reply in (first, second)] == [{"id": w.id} for w in graph.writes]
    kept = [(w.account_id, w.target, w.message, w.endpoint, w.at_s) for w in graph.writes]
    assert kept == [
        (ACCOUNT, MENTION, "thanks", "mention_reply", 1_795_000_000.0),
        (ACCOUNT, CAPTION_MEDIA, "oh", "mention_reply", 1_795_000_000.0),
    ]
    assert not graph.deliveries
    assert outcome(call(graph, "GET", graph.writes[0].id, fields="text")) == "100/33"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"media_id": FOREIGN_MEDIA, "comment_id": MENTION}, "ok"),
        ({"comment_id": MENTION}, "100"),
        ({"media_id": FOREIGN_MEDIA, "comment_id": MENTION, "message": " "}, "100"),
        ({"media_id": CAPTION_MEDIA, "comment_id": MENTION}, "100/33"),
        ({"media_id": FOREIGN_MEDIA}, "100/33"),
        ({"media_id": OWN_MEDIA}, "100/33"),
        ({"media_id": OWN_MEDIA, "comment_id": COMMENT}, "100/33"),
        ({"media_id": CAPTION_MEDIA, "comment_id": "17900000000000009"}, "100/33"),
        ({"media_id": CAPTION_MEDIA, "account_id": OTHER}, "100/33"),
    ],
)
def test_what_is_no_mention_is_refused(params: dict[str, str], expected: str) -> None:
    """Nothing is written then; that it is there, is ours or is missing is not told apart."""
    graph = told()
    assert answer_mention(graph, **params) == expected
    assert len(graph.writes) == (expected == "ok")


def test_own_media_are_no_mentions_where_things_are_drawn() -> None:
    """Also where whatever nobody told of is there; stories neither."""
    graph = told(invent=True)
    assert answer_mention(graph, media_id="18000000000000008") == "ok"
    assert outcome(call(graph, "GET", graph.writes[0].id)) == "100/33"
    assert answer_mention(graph, media_id=OWN_MEDIA) == "100/33"
    assert answer_mention(graph, media_id="18000000000000008", comment_id=COMMENT) == "100/33"
    graph.contents.give("18000000000000008", {"media_product_type": "STORY"})
    assert answer_mention(graph, media_id="18000000000000008") == "100/33"


def test_what_is_gone_is_not_answered() -> None:
    """A comment or mention that was deleted, or whose account the token does not reach."""
    graph = told(users=3)
    for object_id in (COMMENT, MENTION, CAPTION_MEDIA):
        graph.contents.give(object_id, None)
    assert answer(graph) == "100/33"
    assert answer_mention(graph, media_id=FOREIGN_MEDIA, comment_id=MENTION) == "100/33"
    assert answer_mention(graph, media_id=CAPTION_MEDIA) == "100/33"
    other = graph.tokens.user_token(1)
    assert answer_mention(graph, media_id=CAPTION_MEDIA, access_token=other) == "100/33"
    assert not graph.writes


def test_a_comment_is_answered_and_the_reply_is_read_again() -> None:
    """By itself and among the replies, as written, with when and by whom."""
    graph = told(deleted_share=0.0, restricted_share=0.0)
    tell(graph, "comments", id="17900000000000007", text="me too", parent_id=COMMENT)
    reply_id = call(graph, "POST", f"{COMMENT}/replies", message="10 €").document["id"]
    fields = "id,text,timestamp,from{id,self_ig_scoped_id},parent_id,hidden,media{id}"
    read = call(graph, "GET", reply_id, fields=fields).document
    assert read == {
        "id": reply_id,
        "text": "10 €",
        "timestamp": "2026-11-18T11:06:40+0000",
        "from": {"id": ACCOUNT, "self_ig_scoped_id": "2105720000000001"},
        "parent_id": COMMENT,
        "hidden": False,
        "media": {"id": OWN_MEDIA},
    }
    listed = call(graph, "GET", f"{COMMENT}/replies", fields=fields).document["data"]
    assert [one["id"] for one in listed] == ["17900000000000007", reply_id]
    assert listed[1] == read


def test_own_replies_are_there_whatever_else_is_not() -> None:
    """Shares of what is gone or cannot be read are of other people's; control deletes it."""
    tried = (told(seed=seed, restricted_share=1.0, deleted_share=0.5) for seed in range(99))
    graph = next(one for one in tried if outcome(call(one, "GET", COMMENT)) == "ok")
    for number in range(20):
        assert answer(graph, message=str(number)) == "ok"
    assert len(call(graph, "GET", f"{COMMENT}/replies").document["data"]) == 20
    graph = told()
    reply_id = call(graph, "POST", f"{COMMENT}/replies", message="hi").document["id"]
    graph.contents.give(reply_id, None)
    assert outcome(call(graph, "GET", reply_id, fields="text")) == "100/33"
    assert call(graph, "GET", f"{COMMENT}/replies").document == {"data": []}


def test_an_answer_to_a_reply_goes_to_the_top() -> None:
    """Silently: Instagram has two levels. Own replies can be answered as well."""
    graph = told()
    reply_id = call(graph, "POST", f"{COMMENT}/replies", message="one").document["id"]
    assert answer(graph, reply_id, message="two") == "ok"
    listed = call(graph, "GET", f"{COMMENT}/replies", fields="text,parent_id").document["data"]
    assert [(one["text"], one["parent_id"]) for one in listed] == [
        ("one", COMMENT),
        ("two", COMMENT),
    ]
    assert [write.target for write in graph.writes] == [COMMENT, reply_id]


def test_hidden_and_live_comments_take_no_answers() -> None:
    """They can be read all the same."""
    graph = told()
    tell(graph, "live_comments", id="17900000000000005", media=media("18000000000000005", "LIVE"))
    graph.contents.give("17900000000000005", {"hidden": False})
    assert outcome(call(graph, "GET", "17900000000000005", fields="text")) == "ok"
    assert answer(graph, "17900000000000005") == "100/33"
    graph.contents.give(COMMENT, {"hidden": True})
    assert answer(graph) == "100/33"
    graph.contents.give(COMMENT, {"hidden": False})
    assert answer(graph) == "ok"


@pytest.mark.parametrize("scope", ["instagram_manage_comments", "pages_read_engagement"])
def test_writing_needs_permissions(scope: str) -> None:
    """Also for the account itself; else it is 10."""
    graph = told()
    first = graph.grants.first
    kept = tuple(one for one in first.scopes if one != scope)
    for grant in (
        first.model_copy(update={"scopes": kept}),
        first.model_copy(update={"targets": {scope: (OTHER,)}}),
    ):
        graph.grants.now = grant
        assert answer(graph) == "10"
        assert answer_mention(graph, media_id=CAPTION_MEDIA) == "10"
    assert not graph.writes


def test_asking_for_fields_fails_after_it_was_written() -> None:
    """Each time anew: the same call twice writes twice."""
    graph = told()
    assert answer(graph, fields="id,text") == "20/1772107"
    assert answer(graph, fields="id,text") == "20/1772107"
    assert answer_mention(graph, media_id=CAPTION_MEDIA, fields="id") == "20/1772107"
    assert len({write.id for write in graph.writes}) == len(graph.writes) == 3
    assert len(graph.deliveries) == 2


def test_duplicates_are_refused_where_that_is_wanted() -> None:
    """The same text for the same comment, for a while; what was refused is not written."""
    clock = Clock()
    graph = Graph(GraphOptions(duplicate_s=60.0), clock)
    graph.contents.give(COMMENT, {"hidden": False})
    assert [answer(graph, message=text) for text in ("a", "a", "b")] == ["ok", "506", "ok"]
    clock.now_s += 60
    assert answer(graph, message="a") == "ok"
    assert [write.message for write in graph.writes] == ["a", "b", "a"]


@given(st.integers(0, 60), st.integers(1, 9))
def test_replies_are_walked_by_cursors(count: int, limit: int) -> None:
    """Every one once and in order, whatever the size of a page; a link leads on but on the last."""
    graph = told()
    for number in range(count):
        assert answer(graph, message=str(number)) == "ok"
    params = {"fields": "text", "limit": str(limit)}
    found: list[str] = []
    while True:
        listed = call(graph, "GET", f"{COMMENT}/replies", **params).document
        found += [one["text"] for one in listed["data"]]
        if "next" not in listed.get("paging", {}):
            break
        params["after"] = listed["paging"]["cursors"]["after"]
    assert found == [str(number) for number in range(count)]


def test_a_page_of_replies_has_50_at_most() -> None:
    """And 25 where nobody asks."""
    graph = told()
    for number in range(60):
        answer(graph, message=str(number))
    sizes = [
        len(call(graph, "GET", f"{COMMENT}/replies", **params).document["data"])
        for params in ({}, {"limit": "99"})
    ]
    assert sizes == [25, 50]


def test_own_replies_come_back_as_comments() -> None:
    """On own media only: with the account as author, and what it is an answer to."""
    graph = told()
    reply_id = call(graph, "POST", f"{COMMENT}/replies", message="grün").document["id"]
    answer_mention(graph, media_id=CAPTION_MEDIA)
    (delivery,) = graph.deliveries
    assert (delivery.account_id, "grün" in repr(delivery)) == (ACCOUNT, False)
    document = json.loads(delivery.body)
    (entry,) = document["entry"]
    assert (document["object"], entry["id"], entry["time"]) == ("instagram", ACCOUNT, 1_795_000_000)
    assert entry["changes"] == [
        {
            "field": "comments",
            "value": {
                "from": {
                    "id": ACCOUNT,
                    "username": "brand_1",
                    "self_ig_scoped_id": "2105720000000001",
                },
                "media": media(OWN_MEDIA, "FEED"),
                "id": reply_id,
                "parent_id": COMMENT,
                "text": "grün",
            },
        }
    ]
    assert graph.tell(delivery.body) == 1
    assert call(graph, "GET", reply_id, fields="text").document["text"] == "grün"


@pytest.mark.parametrize(
    ("fault", "expected", "written"),
    [
        (Fault(kind="error", code=368), "368", 0),
        (Fault(kind="error", code=200), "200", 0),
        (Fault(kind="error_after", code=20, subcode=1772107), "20/1772107", 1),
        (Fault(kind="error_after", code=506), "506", 1),
        (Fault(kind="error_after", code=1), "1", 1),
        (Fault(kind="error_after", endpoint="mention_reply"), "ok", 1),
    ],
)
def test_faults_before_and_after_the_write(fault: Fault, expected: str, written: int) -> None:
    """Reading the comment before is no attempt at writing."""
    graph = told(faults=(fault.model_copy(update={"attempts": 1}),))
    call(graph, "GET", COMMENT, fields="text")
    assert answer(graph) == expected
    assert len(graph.writes) == written
    assert answer(graph) == "ok"
    assert len(graph.writes) == written + 1


def test_writes_are_no_reads() -> None:
    """Who counts how often an object was read does not count these; limits do."""
    graph = told()
    answer(graph)
    call(graph, "GET", f"{COMMENT}/replies")
    assert not graph.statistics.reads
    assert graph.summary()["accounts"][ACCOUNT]["calls"] == 2
    assert graph.summary()["endpoints"] == {"comment_reply": 1, "comment_replies": 1}


def test_broadcasts_on_air_are_listed() -> None:
    """Until they end; those of the account alone."""
    graph = told()
    tell(graph, "live_comments", id="17900000000000005", media=media("18000000000000005", "LIVE"))
    assert call(graph, "GET", f"{ACCOUNT}/live_media").document["data"] == [
        {"id": "18000000000000005"}
    ]
    assert call(graph, "GET", f"{OTHER}/live_media").document == {"data": []}
    graph.contents.broadcast(on_air=False)
    assert call(graph, "GET", f"{ACCOUNT}/live_media").document == {"data": []}


def test_no_message_is_shown() -> None:
    """Not of a write either."""
    graph = told()
    answer(graph, message="between us")
    assert "between us" not in repr(graph.writes)
