"""A witness remembers what was told of each object, in a batch too."""

import json
from urllib.parse import urlencode

from simulator.graph.calls import Call
from simulator.graph.faults import Fault
from simulator.graph.options import GraphOptions
from tests.chaos.graph_api import Witness

ACCOUNT = "17841400000000001"
COMMENT, MENTION, GONE = "17900000000000001", "17900000000000002", "17900000000000003"
DELIVERY = {
    "object": "instagram",
    "entry": [
        {
            "id": ACCOUNT,
            "time": 1734638812,
            "changes": [
                {"field": "comments", "value": {"id": COMMENT, "text": "hello"}},
                {"field": "mentions", "value": {"comment_id": MENTION, "media_id": "1801"}},
            ],
        }
    ],
}


def _witness() -> Witness:
    witness = Witness(GraphOptions(invent=False))
    witness.tell(json.dumps(DELIVERY).encode())
    return witness


def _batch(witness: Witness) -> None:
    """Asks for the three of them at once."""
    mention = urlencode({"fields": f"mentioned_comment.comment_id({MENTION}){{id,text}}"})
    urls = [f"v25.0/{COMMENT}?fields=id,text", f"v25.0/{ACCOUNT}?{mention}", f"v25.0/{GONE}"]
    items = [{"method": "GET", "relative_url": url} for url in urls]
    token = witness.tokens.user_token(0)
    witness.answer(Call("POST", "/v25.0", {"access_token": token, "batch": json.dumps(items)}))


def test_each_item_of_a_batch_is_remembered_by_its_object() -> None:
    """A mention by what is mentioned, not by the account; a refusal with code and subcode."""
    witness = _witness()
    _batch(witness)
    told = witness.told
    assert [node["text"] for node in told.answers[COMMENT]] == ["hello"]
    assert [node["id"] for node in told.answers[MENTION]] == [MENTION]
    assert told.refusals == {GONE: {(100, 33)}}
    assert ACCOUNT not in told.answers
    assert ACCOUNT in told.accounts


def test_a_call_alone_is_remembered_each_time() -> None:
    """What it says the second time may be another thing."""
    witness = _witness()
    token = {"access_token": witness.tokens.user_token(0), "fields": "id,text"}
    for _ in range(2):
        witness.answer(Call("GET", f"/v25.0/{COMMENT}", token))
    assert len(witness.told.answers[COMMENT]) == 2


def test_what_was_not_come_to_is_no_answer() -> None:
    """An item of a batch that is null told nothing."""
    witness = _witness()
    witness.faults.wanted = (Fault(kind="unfinished"),)
    _batch(witness)
    assert (dict(witness.told.answers), dict(witness.told.refusals)) == ({}, {})
