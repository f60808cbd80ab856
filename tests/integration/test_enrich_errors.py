"""What every error of the Graph API's leads to, from the answer to the row."""

from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from simulator.graph.faults import Fault
from tests.integration.broker import Broker, until
from tests.integration.enriching import bodies, enriching, options


class Outcome(NamedTuple):
    """What became of an account's one read.

    Attributes:
        status: of the row.
        reason: of the row, or of the task where the row tells none.
        counted: whether the attempt counts; None when there will be no other.
        parked: why the account is; or the endpoint, and why.
        blocked: whether nobody calls for the account.
    """

    status: str
    reason: str
    counted: bool | None = None
    parked: str | None = None
    blocked: bool = False


def again(reason: str) -> Outcome:
    """It is asked for again, and that counts."""
    return Outcome("pending", reason, counted=True)


def waits(reason: str) -> Outcome:
    """Nobody calls for the account, and nothing is counted."""
    return Outcome("pending", reason, counted=False, blocked=True)


def parks(reason: str) -> Outcome:
    """The account waits for a person."""
    return Outcome("parked", reason, counted=False, parked=reason)


def never(reason: str) -> Outcome:
    """It is not asked for again."""
    return Outcome("unreadable", reason)


def left_out(reason: str) -> Outcome:
    """This kind of read waits for a person."""
    return Outcome("parked", reason, counted=False, parked=f"mentioned_media: {reason}")


OUTCOMES: Final[dict[tuple[int, int | None], Outcome]] = {
    (1, None): again("graph_unknown_error"),
    (2, None): again("graph_transient"),
    (3, None): left_out("capability_missing"),
    (10, None): left_out("permission_missing"),
    (17, None): waits("throttled_user"),
    (20, 1772107): again("done_without_answer"),
    (24, 2207006): never("media_not_found"),
    (24, 2207008): never("media_not_found"),
    (32, None): waits("throttled_page"),
    (100, None): never("graph_refused_100"),
    (100, 33): again("not_found_or_no_permission"),
    (100, 2108006): never("media_before_professional_account"),
    (102, None): parks("token_dead"),
    (190, None): parks("token_dead"),
    (190, 458): parks("token_app_removed"),
    (190, 459): parks("token_checkpoint"),
    (190, 460): parks("token_password_changed"),
    (190, 463): parks("token_expired"),
    (190, 464): parks("token_unconfirmed"),
    (190, 467): parks("token_invalid"),
    (190, 492): parks("token_no_page_role"),
    (200, None): left_out("permission_missing"),
    (299, None): left_out("permission_missing"),
    (368, None): waits("blocked_for_abuse"),
    (506, None): again("duplicate_post"),
    (613, None): waits("throttled_custom"),
    (803, None): never("not_found"),
    (2200, None): never("graph_refused_2200"),
    (2500, None): never("graph_refused_2500"),
    (9007, None): never("graph_refused_9007"),
    (9009, None): never("user_unavailable"),
    (36000, None): never("graph_refused_36000"),
    (80001, None): waits("throttled_page"),
    (80002, 2446079): waits("throttled_account"),
    (80006, None): waits("throttled_messenger"),
}
"""Of errors that are an account's own; 4 and 341, of which all calls of the app are refused, are
with the outages. Source: https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

FOUND: Final = """
SELECT account_id, m.enrichment_status AS status, coalesce(m.enrichment_reason, t.reason) AS reason,
    t.attempts > 0 AS counted, coalesce(a.state_reason, (
        SELECT string_agg(key || ': ' || value, ', ') FROM jsonb_each_text(a.parked_endpoints)
    )) AS parked,
    EXISTS (
        SELECT FROM hookline.graph_usage AS u
        WHERE u.account_id = a.account_id AND u.blocked_until > now()
    ) AS blocked
FROM hookline.accounts AS a
JOIN hookline.mentions AS m USING (account_id)
LEFT JOIN hookline.enrichment_tasks AS t USING (account_id)
"""

SETTLED: Final = """
SELECT bool_and(
    t.reason IS NOT NULL
    AND t.parked_told = (a.state = 'parked' OR a.parked_endpoints ? t.endpoint)
)
FROM hookline.enrichment_tasks AS t JOIN hookline.accounts AS a USING (account_id)
"""


async def test_every_error_has_its_outcome(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    """Each of an account of its own: what one of them is answered holds up nobody else."""
    simulated = options(accounts=len(OUTCOMES), users=1)
    async with enriching(engine, database_url, broker, simulated) as enrichment:
        accounts = dict(zip(enrichment.graph.directory.accounts, OUTCOMES, strict=True))
        enrichment.fails(
            *(
                Fault(kind="error", code=code, subcode=subcode, account_id=account_id)
                for account_id, (code, subcode) in accounts.items()
            )
        )
        before = await enrichment.ends()
        for number, account_id in enumerate(accounts, 1):
            await enrichment.connect(account_id)
            mention = ("mentions", {"media_id": f"{number}"})
            await enrichment.store(bodies(mention, account=account_id))
        async with enrichment.replicas():
            await until(lambda: len(enrichment.reads) == len(accounts))
            await until(lambda: enrichment.scalar(SETTLED))
        await enrichment.merged(before)
        found = {row.pop("account_id"): Outcome(**row) for row in await enrichment.rows(FOUND)}
    assert {accounts[account_id]: outcome for account_id, outcome in found.items()} == OUTCOMES
