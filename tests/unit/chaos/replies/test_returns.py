"""What our own answers come back as."""

import json
from typing import Any

import pytest

from simulator.graph.calls import Call
from simulator.graph.graph import Graph
from simulator.graph.options import GraphOptions
from simulator.graph.writes import Write
from tests.chaos.replies.returns import FORMS, Author, Comings, Form, Read, form_of, returns_of

OURS, OTHER, THIRD = (f"1784140000000000{number}" for number in (1, 2, 3))
THEIR_MEDIA, FOREIGN = "18000000000000002", "18099999999990001"
MESSAGE = "Thank you! @brand_1 @brand_2 @brand_3"


def _graph() -> Graph:
    graph = Graph(GraphOptions(accounts=3))
    _tell(graph, OTHER, "comments", {"id": "171", "text": "Nice!", "media": {"id": THEIR_MEDIA}})
    _tell(graph, OURS, "mentions", {"media_id": THEIR_MEDIA, "comment_id": "171"})
    _tell(graph, OURS, "mentions", {"media_id": FOREIGN, "comment_id": "172"})
    return graph


def _tell(graph: Graph, account_id: str, field: str, value: dict[str, Any]) -> None:
    entry = {"id": account_id, "time": 1, "changes": [{"field": field, "value": value}]}
    graph.tell(json.dumps({"object": "instagram", "entry": [entry]}).encode())


def _answered(graph: Graph, target: str, media_id: str) -> Write:
    token = graph.tokens.user_token(0)
    form = {"access_token": token, "media_id": media_id, "comment_id": target, "message": MESSAGE}
    assert graph.answer(Call("POST", f"/v25.0/{OURS}/mentions", form)).status == 200
    return graph.writes[-1]


def _values(graph: Graph, write: Write, form: Form) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for one in returns_of(graph, write, form):
        [change] = json.loads(one.body)["entry"][0]["changes"]
        found[one.account_id, change["field"]] = change["value"]
    return found


def test_it_comes_to_who_has_the_media_and_to_whom_it_names() -> None:
    """Each once, and not to who wrote it, unless the media is theirs."""
    graph = _graph()
    form = Form(Author.WHOLE, Read.NAMED, 1)
    found = _values(graph, _answered(graph, "171", THEIR_MEDIA), form)
    assert set(found) == {(OTHER, "comments"), (THIRD, "mentions")}
    assert found[OTHER, "comments"]["from"]["id"] == OURS
    found = _values(graph, _answered(graph, "172", FOREIGN), form)
    assert set(found) == {(OTHER, "mentions"), (THIRD, "mentions")}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(map(str, form)))
def test_webhooks_and_reads_tell_of_the_author_as_the_form_has_it(form: Form) -> None:
    """Nothing at all, or an id that nobody knows, or a name."""
    graph = _graph()
    graph.faults = comings = Comings(7, 100)
    write = _answered(graph, "171", THEIR_MEDIA)
    comings.forms[write.id] = form
    author = _values(graph, write, form)[OTHER, "comments"].get("from") or {}
    assert ("username" in author) == (form.author in (Author.WHOLE, Author.OLD, Author.SCOPED))
    fields = "id,text,username,from{id,username}"
    params = {"access_token": graph.tokens.user_token(0), "fields": fields}
    answer = graph.answer(Call("GET", f"/v25.0/{write.id}", params))
    told = answer.document
    assert answer.status == (404 if form.read is Read.NOTHING else 200)
    assert told.get("username") == ("brand_1" if form.read is Read.NAMED else None)
    assert ("from" in told) == (form.read is Read.NAMED)


def test_forms_are_drawn_by_seed() -> None:
    """All of them come, in any run of some length."""
    writes = [Write("mention_reply", OURS, "1", "", str(number), 0.0) for number in range(2_000)]
    assert {form_of(7, write) for write in writes} == set(FORMS)
