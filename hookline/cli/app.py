"""The `hookline` command: its verbs, mounted. What a verb needs is imported when it runs."""

import typer

from hookline.cli import (
    accounts,
    audit,
    dead_letters,
    demo,
    doctor,
    enrichment,
    env,
    rebuild,
    replay,
    replies,
    services,
    simulate,
    subscriptions,
    trace,
    up,
)

app = typer.Typer(
    name="hookline",
    help="Instagram webhooks into SQL through Kafka: complete, once, within seconds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("demo")(demo.demo)
app.command("up")(up.up)
app.command("env")(env.env)
app.command("ingest")(services.ingest)
app.command("worker")(services.worker)
app.command("doctor")(doctor.doctor)
app.command("trace")(trace.trace)
app.command("audit")(audit.audit)
app.command("replay")(replay.replay)
app.command("rebuild")(rebuild.rebuild)
app.add_typer(accounts.app, name="accounts")
app.add_typer(dead_letters.app, name="dead-letters")
app.command("migrate")(services.migrate)
app.add_typer(enrichment.app, name="enrichment")
app.add_typer(replies.app, name="replies")
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(services.topics, name="topics")
app.add_typer(simulate.app, name="simulate")
