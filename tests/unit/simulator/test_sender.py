"""The sender knows what was acknowledged, and sends the rest again."""

import asyncio
import hashlib
import json
import socket
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cases import BY_NAME
from simulator.delivery import Delivery
from simulator.report import Progress, State
from simulator.schedule import RetrySchedule
from simulator.sender import SenderOptions, send, verdict
from simulator.target import RemoteTargetError, Target
from simulator.traffic import big, burst, mixed, of_case
from tests.unit.simulator.receiver import SECRET, Decision, Receiver, receiving

FAST = RetrySchedule(compression=5_000_000)
"""All retries within 26 ms."""


def target_of(receiver: Receiver) -> Target:
    """The receiver with the secret that it knows."""
    return Target(receiver.url, SECRET)


def accepted_set(deliveries: list[Delivery]) -> Counter[str]:
    """Digests of what a receiver is to accept."""
    return Counter(hashlib.sha256(d.body).hexdigest() for d in deliveries if d.status == 200)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def test_acknowledged_set_is_what_the_receiver_accepted() -> None:
    """Every shape, hostile and refused ones included, ends in the state that it should."""
    deliveries = list(mixed(7, 250))
    async with receiving() as receiver:
        report = await send(target_of(receiver), deliveries, SenderOptions(remember=True))
    assert report.complete
    assert report.acknowledged_set() == receiver.accepted == accepted_set(deliveries)
    assert report.acknowledged_deliveries() == [d for d in deliveries if d.status == 200]
    assert report.states[State.REFUSED] == sum(d.status != 200 for d in deliveries) > 0
    assert [outcome.index for outcome in report.outcomes] == list(range(250))
    assert report.retried == 0


@pytest.mark.parametrize(
    "decide",
    [
        lambda attempt: 200 if attempt > 3 else 503,
        lambda attempt: 200 if attempt > 2 else None,
        lambda attempt: 200 if attempt > 1 else 302,
        lambda attempt: 200 if attempt > 1 else 204,
    ],
    ids=["unavailable", "cut", "redirect", "no_content"],
)
async def test_what_fails_is_sent_again_until_200(decide: Decision) -> None:
    """Meta counts nothing but 200 as received."""
    deliveries = list(islice(burst(3, 2), 40))
    async with receiving(decide) as receiver:
        report = await send(target_of(receiver), deliveries, SenderOptions(schedule=FAST))
    assert report.complete
    assert report.acknowledged_set() == receiver.accepted == accepted_set(deliveries)
    assert report.retried == 40
    assert (
        report.attempts
        == receiver.requests
        == report.acknowledged + sum(outcome.attempts - 1 for outcome in report.outcomes)
    )
    assert report.acknowledged_changes.total() == 80


async def test_retries_are_bounded() -> None:
    """A delivery is dropped at the end of the schedule, as Meta drops it."""
    schedule = RetrySchedule(compression=5_000_000, max_retries=4)
    async with receiving(lambda _: 500) as receiver:
        report = await send(
            target_of(receiver), islice(burst(1), 10), SenderOptions(schedule=schedule)
        )
    assert not report.complete
    assert report.states == Counter({State.GIVEN_UP: 10})
    assert {outcome.attempts for outcome in report.outcomes} == {5}
    assert {outcome.status for outcome in report.outcomes} == {500}
    assert report.acknowledged_set() == Counter()


async def test_refused_connections_are_survived() -> None:
    """Nothing listens at first; what was sent meanwhile arrives once something does."""
    deliveries = list(islice(burst(5), 5))
    port = free_port()
    target = Target(f"http://127.0.0.1:{port}", SECRET)
    schedule = RetrySchedule(compression=100_000, max_retries=3)
    report = await send(target, deliveries, SenderOptions(schedule=schedule))
    assert report.states == Counter({State.GIVEN_UP: 5})
    assert report.failures == Counter({"not_connected": 20})
    assert report.answers == Counter()
    assert report.latency_ms(0.5) is None


async def test_late_answers_count_as_none() -> None:
    """An answer after the deadline is a failure, whatever it would have said."""
    release = asyncio.Event()

    async def stall(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    schedule = RetrySchedule(compression=5_000_000, max_retries=1)
    options = SenderOptions(schedule=schedule, answer_deadline_s=0.02)
    async with await asyncio.start_server(stall, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        target = Target(f"http://127.0.0.1:{port}", SECRET)
        report = await send(target, islice(burst(1), 2), options)
        release.set()
    assert report.failures == Counter({"timeout": 4})
    assert report.states == Counter({State.GIVEN_UP: 2})


async def test_new_deliveries_do_not_wait_for_failing_ones() -> None:
    """A delivery between two attempts holds no slot, not even the only one."""
    bad, *good = islice(burst(2), 6)
    spoilt = hashlib.sha256(bad.body).hexdigest()
    options = SenderOptions(concurrency=1, schedule=RetrySchedule(compression=50_000))
    async with receiving() as receiver:

        def after_the_others(_: int) -> int:
            others = receiver.accepted.total()
            return 503 if receiver.order[-1] == spoilt and others < len(good) else 200

        receiver.decide = after_the_others
        report = await send(target_of(receiver), [bad, *good], options)
    assert report.acknowledged == 6
    assert receiver.order[-1] == spoilt
    assert report.retried == 1


async def test_waiting_room_is_bounded() -> None:
    """While too many deliveries wait for their next attempt, no new one starts."""
    most = 0

    def watch(now: Progress) -> None:
        nonlocal most
        most = max(most, now.waiting)

    options = SenderOptions(concurrency=4, schedule=FAST, max_waiting=3)
    async with receiving(lambda attempt: 200 if attempt > 4 else 503) as receiver:
        report = await send(target_of(receiver), islice(burst(2), 30), options, watch)
    assert report.acknowledged == 30
    assert most <= 3 + 4


async def test_rate_spaces_new_deliveries() -> None:
    """At 500 a second, ten deliveries take at least 18 ms."""
    async with receiving() as receiver:
        report = await send(
            target_of(receiver), islice(burst(2), 10), SenderOptions(rate_per_s=500)
        )
    assert report.acknowledged == 10
    assert report.elapsed_s >= 0.017


async def test_progress_ends_with_everything_settled() -> None:
    """The last call tells the totals."""
    calls: list[Progress] = []
    async with receiving() as receiver:
        await send(target_of(receiver), islice(burst(2), 20), progress=calls.append)
    assert len(calls) == 20
    assert calls[-1] == Progress(started=20, acknowledged=20, refused=0, waiting=0, given_up=0)


async def test_big_bodies_pass() -> None:
    """A body beyond what is written at once arrives whole."""
    delivery = big(1, changes=100)
    async with receiving() as receiver:
        report = await send(target_of(receiver), [delivery])
    assert receiver.accepted == accepted_set([delivery])
    assert report.acknowledged_bytes == len(delivery.body) > 2_000_000


async def test_accepting_a_bad_signature_is_told() -> None:
    """A receiver that takes everything is found out."""
    (unsigned,) = of_case(BY_NAME["signature_missing"], 1)
    async with receiving() as receiver:
        (right,) = of_case(BY_NAME["organic"], 1)
        wrongly = Delivery(right.case, right.body, status=401)
        report = await send(target_of(receiver), [unsigned, wrongly])
    assert not report.complete
    assert report.states == Counter({State.REFUSED: 1, State.WRONGLY_ACCEPTED: 1})
    assert report.acknowledged_set() == Counter()


async def test_other_machines_are_left_alone() -> None:
    """Nothing is sent before the target is known to be this machine."""
    with pytest.raises(RemoteTargetError):
        await send(Target("http://192.0.2.1", SECRET), burst(1))


async def test_endless_streams_need_only_end_by_themselves() -> None:
    """An empty stream is done at once."""
    async with receiving() as receiver:
        report = await send(target_of(receiver), [])
    assert (report.started, report.complete, report.outcomes) == (0, True, [])
    assert report.summary()["latency_p50_ms"] is None


async def test_summary_shows_no_text_of_any_delivery() -> None:
    """Reports tell counts; what people wrote stays in the bodies."""
    (delivery,) = of_case(BY_NAME["long_names"], 1)
    async with receiving() as receiver:
        report = await send(target_of(receiver), [delivery])
    told = json.dumps(report.summary())
    assert b"long long" in delivery.body
    assert "long" not in told
    assert "user_" not in told


@given(st.sampled_from([200, 401, 415]), st.none() | st.integers(100, 599))
def test_only_200_acknowledges(expected: int, status: int | None) -> None:
    """Any other answer is final only where it is the one that is due."""
    state = verdict(Delivery("any", b"", status=expected), status)
    assert (state is State.ACKNOWLEDGED) == (expected == status == 200)
    assert (state is State.WRONGLY_ACCEPTED) == (status == 200 != expected)
    assert (state is State.REFUSED) == (status == expected != 200)
