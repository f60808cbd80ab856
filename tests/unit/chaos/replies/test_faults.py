"""Every write goes wrong, and what is said to be written is."""

import json

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from simulator.graph.options import GraphOptions
from simulator.graph.server import serve_graph
from tests.chaos.replies.faults import WAYS, EveryWrite, Way, way_of

ACCOUNT, MEDIA = "17841400000000001", "18099999999990001"
MANY = 2_000


def test_every_way_is_met() -> None:
    """In two thousand writes, each of them, and the same ones for the same seed."""
    drawn = [way_of(7, str(number), 1) for number in range(MANY)]
    assert set(drawn) == set(WAYS)
    assert drawn == [way_of(7, str(number), 1) for number in range(MANY)]
    assert drawn != [way_of(8, str(number), 1) for number in range(MANY)]


def test_reads_are_left_alone() -> None:
    """Unless they are among those that cannot be read."""
    faults = EveryWrite(7)
    assert faults.of_request("comment", "17", ACCOUNT) == []
    assert faults.of_call("mentioned_comment", "17", ACCOUNT) is None
    assert EveryWrite(7, 1.0).of_call("mentioned_comment", "17", ACCOUNT) is not None


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_what_is_said_to_be_written_is(way: Way) -> None:
    """By the Graph API itself, whatever it answers."""
    number = next(n for n in range(10**6) if way_of(7, f"{n:017d}", 1) == way)
    target = f"{number:017d}"
    async with serve_graph(GraphOptions(duplicate_s=0)) as server:
        server.graph.faults = faults = EveryWrite(7)
        told = {"object": "instagram", "entry": [{"id": ACCOUNT, "time": 1, "changes": [
            {"field": "mentions", "value": {"media_id": MEDIA, "comment_id": target}}
        ]}]}  # fmt: skip
        server.graph.tell(json.dumps(told).encode())
        form = {
            "access_token": server.graph.tokens.user_token(0),
            "media_id": MEDIA,
            "comment_id": target,
            "message": "Thanks!",
        }
        async with ClientSession(timeout=ClientTimeout(total=0.4)) as session:
            try:
                async with session.post(f"{server.url}/v25.0/{ACCOUNT}/mentions", data=form):
                    pass
            except (ClientError, TimeoutError):
                pass
        assert [one.target for one in server.graph.writes] == [target] * way.is_written
        assert faults.met == {way.name: 1}
