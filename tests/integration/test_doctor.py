"""The doctor on a line that is whole, and on the same with one thing broken after the other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from hookline.doctor.catalogue import CHECKS
from hookline.doctor.facts import Kafka, Topic
from hookline.doctor.finding import State
from hookline.doctor.probes import kafka as probe
from hookline.doctor.repair import plan
from hookline.subscriptions.survey import UnknownAccountError
from schemas.settings import WEBHOOK_PATH, TopicsSettings
from schemas.topics import RAW_TOPICS, TopicSpec, consumer_group
from simulator.signing import Signing, headers
from tests.integration.breaks import (
    CLOSED,
    Break,
    app,
    dropped,
    no_app,
    no_month,
    rounds,
    small_topic,
)
from tests.integration.broker import Broker, until
from tests.integration.doctored import ACCOUNTS, Findings, Line, whole_line


@pytest.fixture(scope="module")
async def line(
    broker: Broker, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """One for all tests here: each puts right what it breaks."""
    async with whole_line(broker, template_url, tmp_path_factory.mktemp("doctor")) as made:
        yield made


@pytest.fixture(scope="module")
async def healthy(line: Line) -> Findings:
    """What it finds on the whole line."""
    return await line.examine()


def test_a_whole_line_is_green_or_asks(healthy: Findings) -> None:
    """Nothing is red, yellow or unknown, and every check was made."""
    assert [one for one in healthy if one.state not in ("green", "ask")] == []
    asked = {one.check for one in healthy if one.state == "ask"}
    questions = {"app_live", "advanced_access", "business_verified", "media_owner_public"}
    # Nothing has come for the second account, and the database's disk nobody can see.
    assert asked == {*questions, "database_size", "account_deliveries"}
    assert {one.check for one in healthy} == set(CHECKS) - {"disk"}


@pytest.mark.parametrize(
    "broken", list(rounds()), ids=lambda found: ", ".join(one.name for one in found)
)
async def test_what_is_broken_is_red_and_nothing_else(
    line: Line, healthy: Findings, broken: tuple[Break, ...]
) -> None:
    """With the right advice; and whatever is not to be blamed on it says what it said before."""
    async with AsyncExitStack() as stack:
        for one in broken:
            await stack.enter_async_context(one.breaking(line))
        found = await line.examine()
    for one in broken:
        of_check = [finding for finding in found if finding.check == one.check]
        assert [finding for finding in of_check if finding.state == one.state], (one.name, of_check)
        for finding in of_check:
            assert finding.state != one.state or one.advice in finding.repair, finding
    changed = {name for one in broken for name in (one.check, *one.others)}
    for check in set(CHECKS) - changed - {"disk"}:
        assert _states(found, check) == _states(healthy, check), check
    assert [finding for finding in found if finding.state == "red" and not finding.repair] == []


def _states(findings: Findings, check: str) -> list[tuple[str, State]]:
    return [(one.subject, one.state) for one in findings if one.check == check]


async def test_the_doctor_is_no_delivery(line: Line, broker: Broker) -> None:
    """Nothing of it gets to Kafka, and ingest counts neither deliveries nor failures."""
    ends = await broker.ends(RAW_TOPICS)
    await line.examine("callback", "callback_signature", "callback_size")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{line.ingest_url}/metrics") as answer,
    ):
        metrics = await answer.text()
    assert 'hookline_deliveries_total{outcome="signature_mismatch"}' not in metrics
    assert 'hookline_refused_requests_total{reason="signature_mismatch"}' in metrics
    assert "hookline_ingest_failure_ratio 0.0" in metrics
    assert await broker.ends(RAW_TOPICS) == ends


async def test_one_account(line: Line) -> None:
    """Of accounts only the one that is named; one that is not connected is none."""
    found = await line.examine("page_subscription", "app_secret", accounts=ACCOUNTS[1:])
    assert [one.subject for one in found] == [f"app {line.graph.options.app_id}", ACCOUNTS[1]]
    with pytest.raises(UnknownAccountError, match="Not connected: 17"):
        await line.examine("token", accounts=("17",))


async def test_what_does_no_harm_is_repaired(line: Line) -> None:
    """Topics, tables and subscriptions at once, with a row of the audit; then all is well again.

    One document is printed, and nothing secret.
    """
    async with AsyncExitStack() as stack:
        for breaking in (no_app, dropped, small_topic, no_month):
            await stack.enter_async_context(breaking(line))
        fixes = plan(await line.examine())
        assert list(fixes) == ["migrate", "topics apply", "subscriptions apply"]
        assert line.graph.pages.fields(ACCOUNTS[1]) == ()
        ran = await line.verb("--fix", "--yes", "--json")
        left = [one for one in ran.document["findings"] if one["state"] in ("red", "unknown")]
        assert left == []
        assert (ran.code, ran.document["state"]) == (0, "ask")
        assert ran.document["fixes"] == list(fixes)
        assert line.graph.pages.fields(ACCOUNTS[1]) == ("feed",)
        [row] = await line.rows("SELECT * FROM hookline.operations WHERE verb = 'doctor'")
        assert row["state"] == "done"
        assert row["arguments"] == {
            fix: [f"{one.check} {one.subject}" for one in found] for fix, found in fixes.items()
        }
        assert row["counts"]["subscriptions"] == 2
    tokens = line.graph.tokens
    secrets = [line.settings[name] for name in ("app_secrets", "vault_keys", "verify_token")]
    secrets += [tokens.user_token(0), tokens.user_token(0, long_lived=True)]
    assert not [secret for secret in secrets if secret in f"{ran.out} {ran.err} {row}"]


async def test_nothing_at_all_could_be_looked_at(line: Line) -> None:
    """That is another exit code than a line that is broken."""
    nowhere = {"kafka_bootstrap": CLOSED, "database_url": f"postgresql://{CLOSED}/hookline"}
    ran = await line.verb("--only", "kafka", "--only", "database", **nowhere)
    assert ran.code == 3
    assert "Kafka cannot be reached" in ran.out


async def test_a_callback_is_not_moved(line: Line) -> None:
    """It may be another line's: that is left to a person."""
    async with app(callback_url="https://staging.example.com/")(line):
        assert plan(await line.examine("app_subscription")) == {}


async def test_how_far_a_group_is_behind(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """In records and time, without any of them being read; and what is gone already."""
    topic, day = await broker.topic(), timedelta(days=1)
    written = datetime.now(UTC).replace(microsecond=0) - 3 * day
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    for number in range(4):
        at_ms = int((written + number * day / 2).timestamp() * 1000)
        await producer.send_and_wait(topic, b"", timestamp_ms=at_ms)
    await producer.stop()
    spec = TopicSpec(topic, 1, 1, {})
    config = {"retention.ms": str(7 * 86_400_000)}
    kafka = Kafka(broker.bootstrap, 1, {topic: Topic(1, 1, 1, 0, config)}, (spec,))
    monkeypatch.setattr(probe, "WORKERS", (topic,))
    monkeypatch.setattr(probe, "topics_of", lambda _: (topic,))
    settings = TopicsSettings.model_validate({"kafka_bootstrap": broker.bootstrap})
    place = TopicPartition(topic, 0)
    async with reading(broker, topic) as reader, probe._clients(settings) as (admin, consumer):
        reader.assign([place])
        await reader.commit({place: 1})
        [group] = await probe._groups(admin, consumer, kafka)
        behind = group.topics[topic]
        assert (group.members, behind.records, behind.gone) == (0, 3, 0)
        assert (behind.oldest_at, behind.retention) == (written + day / 2, 7 * day)
        await _delete_before(broker, place, 3)
        [group] = await probe._groups(admin, consumer, kafka)
        assert group.topics[topic][:2] == (1, 2)
        await reader.commit({place: 4})
        [group] = await probe._groups(admin, consumer, kafka)
        assert group.topics[topic][:3] == (0, 0, None)


@asynccontextmanager
async def reading(broker: Broker, worker: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that commits for a group."""
    reader = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        group_id=consumer_group(worker),
        enable_auto_commit=False,
    )
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def _delete_before(broker: Broker, place: TopicPartition, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
    await admin.close()


async def test_meta_signs_with_another_secret(line: Line) -> None:
    """The last one: ingest does not forget it."""
    body = b'{"object": "instagram", "entry": []}'
    async with aiohttp.ClientSession() as session:
        for _ in range(6):
            sent = headers(body, b"", Signing.WRONG_SECRET)
            url = f"{line.ingest_url}{WEBHOOK_PATH}"
            async with session.post(url, data=body, headers=sent) as answer:
                assert answer.status == 401

    async def told_so() -> bool:
        found = await line.examine("signatures", "ingest_failures")
        return [one.state for one in found] == ["red", "red"]

    await until(told_so)
