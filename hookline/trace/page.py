"""A trace for people: what happened, in the order of time. Owns the words."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hookline.console import page
from hookline.demo.page import printable
from hookline.trace.life import (
    Trace,
    TracedCall,
    TracedClaim,
    TracedDelivery,
    TracedEvent,
    TracedLetter,
    TracedReply,
    TracedRow,
    TracedSighting,
    TracedTask,
)
from hookline.trace.places import Place

VERDICTS: Final = {
    "first": "a new event, passed on",
    "amendment": "another content of an event that is known, passed on to be merged",
    "repeat": "told before, nothing more to do",
}

ENDINGS: Final = {
    "stored": ("stored", "green"),
    "repeat": ("a repeat of what was told before", "dim"),
    "dead": ("dead: see its dead letter", "red"),
    "in_flight": ("in flight: not there yet, or lost (`hookline audit` tells)", "yellow"),
}

_PLACES: Final = {
    "past_retention": "past retention",
    "not_found": "not found",
    "not_reached": "not reached: too many records since",
}


def show(trace: Trace) -> None:
    """Prints a trace that found something."""
    console = page()
    events = len(trace.events)
    if trace.events_found > events:
        console.print(f"The {events} oldest of {trace.events_found} events; more with --max.\n")
    deliveries = {one.delivery_id: one for one in trace.deliveries}
    told: set[str] = set()
    for event in trace.events:
        _title(console, event.event_id)
        table = _story()
        told |= _sightings(table, trace, event, deliveries)
        _ending(table, event)
        console.print(table)
        console.print()
    for delivery in trace.deliveries:
        if delivery.delivery_id not in told:
            _title(console, f"delivery {delivery.delivery_id}")
            table = _story()
            _received(table, delivery)
            _letters(table, _letters_of(trace, delivery.delivery_id))
            if not trace.dead_letters:
                table.add_row("", "split", "not yet: dedupe has seen no change of it")
            console.print(table)
            console.print()
    _unarchived(console, trace, set(deliveries))
    if trace.kafka:
        console.print(f"Kafka was not asked: {trace.kafka}", style="yellow", markup=False)


def _sightings(
    table: Table, trace: Trace, event: TracedEvent, deliveries: Mapping[str, TracedDelivery]
) -> set[str]:
    """Each telling of the event, after the delivery that it came in; gives the deliveries."""
    told: set[str] = set()
    for sighting in event.sightings:
        if sighting.delivery_id not in told:
            _arrival(table, sighting, deliveries.get(sighting.delivery_id))
            _letters(table, _letters_of(trace, sighting.delivery_id))
            told.add(sighting.delivery_id)
        _telling(table, sighting, _claims_of(event, sighting))
    return told


def _unarchived(console: Console, trace: Trace, archived: set[str]) -> None:
    letters = [one for one in trace.dead_letters if one.delivery_id not in archived]
    if letters:
        _title(console, "not archived")
        table = _story()
        _letters(table, letters)
        console.print(table)


def _letters_of(trace: Trace, delivery_id: str) -> list[TracedLetter]:
    return [one for one in trace.dead_letters if one.delivery_id == delivery_id]


def _title(console: Console, title: str) -> None:
    console.print(Text(title, style="bold cyan"), soft_wrap=True)


def _story() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _moment(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}Z"


def _arrival(table: Table, sighting: TracedSighting, delivery: TracedDelivery | None) -> None:
    if delivery is None:
        missing = f"delivery {sighting.delivery_id} is not in the archive"
        table.add_row(_moment(sighting.received_at), "received", Text(missing, style="yellow"))
    else:
        _received(table, delivery)


def _telling(table: Table, sighting: TracedSighting, claims: Sequence[TracedClaim]) -> None:
    sent = f", sent by Meta at {_moment(sighting.sent_at)}" if sighting.sent_at else ""
    table.add_row("", "change", f"{sighting.position} of it{sent}")
    table.add_row("", "verdict", f"{sighting.verdict}: {VERDICTS.get(sighting.verdict, '')}")
    for claim in claims:
        if _key(claim) != _key(sighting):
            told = f"content first told by {claim.position} of delivery {claim.delivery_id}"
            table.add_row("", "", told)
        elif claim.record is not None:
            table.add_row("", "in Kafka", _place(claim.record))
    words, style = ENDINGS.get(sighting.outcome, (sighting.outcome, ""))
    table.add_row("", "outcome", Text(words, style=style))


def _claims_of(event: TracedEvent, sighting: TracedSighting) -> list[TracedClaim]:
    return [claim for claim in event.claims if claim.content_hash == sighting.content_hash]


def _key(told: TracedClaim | TracedSighting) -> tuple[str, str]:
    return told.delivery_id, told.position


def _received(table: Table, delivery: TracedDelivery) -> None:
    changes = sum(delivery.changes.values())
    what = (
        f"delivery {delivery.delivery_id} for app {delivery.app_id}, {delivery.source}, "
        f"{changes} change{'s' * (changes != 1)}"
    )
    table.add_row(_moment(delivery.received_at), "received", what)
    intact = "" if delivery.intact else ": THE STORED BYTES DIFFER"
    body = f"{delivery.size_bytes:,} bytes, sha256 {delivery.sha256}{intact}"
    table.add_row("", "body", Text(body, style="" if delivery.intact else "red"))
    table.add_row("", "signature", _signature(delivery))
    for place in delivery.records:
        table.add_row("", "in Kafka", _place(place))


def _signature(delivery: TracedDelivery) -> Text:
    match delivery.signature.standing:
        case "verified":
            app_id = delivery.signature.app_id
            return Text(f"verified now, by the secret of app {app_id}", style="green")
        case "no_secrets_configured":
            return Text("not verified: no secrets configured (HOOKLINE_APP_SECRETS)")
        case "no_secret_matches":
            return Text("no configured secret matches", style="red")


def _place(place: Place) -> str:
    if place.offset is None:
        return f"{place.topic} [{place.partition}]: {_PLACES[place.standing]}"
    return f"{place.topic} [{place.partition}] at offset {place.offset}"


def _letters(table: Table, letters: Sequence[TracedLetter]) -> None:
    for letter in letters:
        source = f"{letter.source_topic} [{letter.source_partition}] at {letter.source_offset}"
        table.add_row(
            _moment(letter.first_failed_at),
            Text("dead letter", style="red"),
            f"{letter.state} by {letter.stage}: {letter.reason} ({letter.detail}), attempt "
            f"{letter.attempts}, from {source}, id {letter.dead_letter_id}",
        )


def _ending(table: Table, event: TracedEvent) -> None:
    seen = {_key(sighting) for sighting in event.sightings}
    for claim in event.claims:
        if _key(claim) not in seen:
            told = f"by {claim.position} of delivery {claim.delivery_id}, which dedupe never saw"
            table.add_row(_moment(claim.received_at), "claimed", Text(told, style="yellow"))
    _letters(table, event.dead_letters)
    for call in event.graph_calls:
        table.add_row(_moment(call.read_at), "Graph call", _call(call))
    for task in event.graph_tasks:
        table.add_row("", "Graph task", _task(task))
    for row in event.rows:
        for label, words in _row(row):
            table.add_row("", label, words)
    if not event.rows:
        table.add_row("", "row", Text("none", style="yellow"))
    for reply in event.replies:
        _reply(table, reply)


def _call(call: TracedCall) -> str:
    reason = f" ({call.reason})" if call.reason else ""
    codes = [str(code) for code in (call.code, call.subcode) if code is not None]
    code = f", code {'/'.join(codes)}" if codes else ""
    return (
        f"{call.endpoint} {call.object_id}: {call.status}{reason}{code}, "
        f"HTTP {call.http_status or '–'}, {call.api_version or 'version not told'}"
    )


def _task(task: TracedTask) -> Text:
    what = f"{task.endpoint} {task.object_id}"
    if task.answered_at is not None:
        return Text(f"{what}: answered at {_moment(task.answered_at)}, not yet published")
    if task.parked is not None:
        return Text(f"{what}: waits for a person: {task.parked}", style="yellow")
    reason = f", because of {task.reason}" if task.reason else ""
    return Text(f"{what}: due at {_moment(task.due_at)}, {task.attempts} attempts so far{reason}")


def _reply(table: Table, reply: TracedReply) -> None:
    when = reply.settled_at or reply.sending_at or reply.created_at
    state = f"{reply.state}, a dry run" if reply.dry_run else reply.state
    reason = f" ({reply.reason})" if reply.reason else ""
    known = f", as comment {reply.reply_id}" if reply.reply_id else ""
    style = "yellow" if reply.state in ("failed", "unknown") else ""
    told = f"{state}{reason}{known}: {reply.reply_key}"
    table.add_row(_moment(when), "answer", Text(told, style=style))
    if reply.message is not None:
        table.add_row("", "", f"text: {printable(reply.message)}")


def _row(row: TracedRow) -> Iterator[tuple[str, str]]:
    key = ", ".join(f"{name}={value or '–'}" for name, value in row.key.items())
    yield "row", f"{row.table} ({key})"
    if row.values is None:
        yield "", f"holds {', '.join(row.columns)}"
        return
    for name, value in row.values.items():
        yield "", f"{name}: {printable(str(value))}"
