"""Subscriptions looked at: what tells nothing is no reason to send anything."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import orjson
import pytest
from multidict import CIMultiDict

from graph.answers import Answer, answer_to, answer_to_write
from graph.client import Client, Credentials
from graph.pages import App, Page
from graph.requests import GraphRequest, GraphWrite
from graph.subscribing import Subscribing

TODAY: Final = date(2026, 12, 1)
CREDENTIALS: Final = Credentials("EAA", b"secret")
PAGE: Final = Page("178", "brand", "1", "17", CREDENTIALS)
APP: Final = App("1", CREDENTIALS)


class Told(Client):
    """Answers what it was told to, and keeps what is written."""

    def __init__(self, *answers: Any) -> None:
        super().__init__("http://127.0.0.1:1", "v25.0", 1.0)
        self.answers: Sequence[Any] = answers
        self.asked: list[str] = []
        self.written: list[GraphWrite] = []

    async def read(self, request: GraphRequest, _: Credentials | None) -> Answer:
        """The next one."""
        self.asked.append(request.url("v25.0"))
        first, *self.answers = self.answers
        return answer_to(request, 200, CIMultiDict(), orjson.dumps(first))

    async def write(self, write: GraphWrite, _: Credentials) -> Answer:
        """Is done."""
        self.written.append(write)
        return answer_to_write(200, CIMultiDict(), b'{"success":true}')


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": {}}])
@pytest.mark.parametrize("subject", [PAGE, APP])
async def test_an_answer_that_lists_nothing_tells_nothing(subject: Page | App, answer: Any) -> None:
    """What is sent then could take the place of what was not told, or move a callback."""
    meta = Told(answer)
    subscribing = Subscribing(meta, "https://hooks.example.com", "verify-me")
    check = await subscribing.check(subject, TODAY)
    assert (check.state, check.to_send, check.reason) == ("unknown", (), "graph_unreadable")
    await subscribing.subscribe(check, TODAY)
    assert meta.written == []


def _part(*apps: tuple[str, list[str]], after: str | None = None) -> Any:
    data = [{"id": app_id, "subscribed_fields": fields} for app_id, fields in apps]
    following = {"next": "https://graph.facebook.com/"} if after else {}
    return {"data": data, "paging": {"cursors": {"after": after}, **following}}


async def test_the_list_of_apps_is_read_to_its_end() -> None:
    """Ours may be anywhere; what it has would be gone, if it was not found."""
    others = _part(("2", ["leadgen"]), after="QQ")
    meta = Told(others, others, _part(("1", ["leadgen"])))
    check = await Subscribing(meta, None, None).check(PAGE, TODAY)
    assert (check.state, check.to_send) == ("subscribed", ("leadgen", "feed"))
    assert ["after=QQ" in url for url in meta.asked] == [False, True, True]
    without_end = await Subscribing(Told(*[others] * 10), None, None).check(PAGE, TODAY)
    assert (without_end.state, without_end.reason) == ("unknown", "too_many_apps")


@pytest.mark.parametrize("subject", [PAGE, APP])
async def test_a_wrong_app_secret_does_not_pass_by_itself(subject: Page | App) -> None:
    """Somebody has to put the right one into the settings; throttling and outages pass."""
    text = "Invalid appsecret_proof provided in the API argument"
    for error, passes in (({"code": 100, "message": text}, False), ({"code": 4}, True)):
        check = await Subscribing(Told({"error": error}), None, None).check(subject, TODAY)
        assert check.state == "unknown"
        assert check.refusal is not None
        assert check.refusal.passes == passes
