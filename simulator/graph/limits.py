"""The limits of an app: one for all its calls, and one for each account. Owns the headers."""

import json
from collections.abc import Iterable
from typing import Any

from simulator.graph.errors import throttled_account, throttled_app
from simulator.graph.options import GraphOptions
from simulator.graph.usage import Pool


class Limits:
    """All pools of calls."""

    def __init__(self, options: GraphOptions) -> None:
        self._options = options
        self._app = Pool(options.app_limit)
        self._accounts: dict[str, Pool] = {}

    def spend(self, account_id: str | None, now_s: float) -> None:
        """Counts a call, for an account or for none.

        Raises:
            RefusalError: a limit was reached before.
        """
        if not self._app.call(now_s):
            raise throttled_app()
        if account_id is not None and not self._account(account_id).call(now_s):
            raise throttled_account()

    def headers(self, account_ids: Iterable[str], now_s: float) -> dict[str, str]:
        """What an answer tells of them.

        Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
        """
        app = self._app.told(now_s)
        accounts = {
            account_id: [{"type": "instagram", **told, **_regain(pool, now_s)}]
            for account_id in account_ids
            for pool in [self._account(account_id)]
            if (told := pool.told(now_s)) is not None
        }
        found = {"X-App-Usage": app, "X-Business-Use-Case-Usage": accounts}
        return {name: json.dumps(told) for name, told in found.items() if told}

    def summary(self, now_s: float) -> dict[str, Any]:
        """Exact counts of each pool."""
        return {
            "app": self._app.summary(now_s),
            "accounts": {one: pool.summary(now_s) for one, pool in self._accounts.items()},
        }

    def _account(self, account_id: str) -> Pool:
        return self._accounts.setdefault(account_id, Pool(self._options.account_limit))


def _regain(pool: Pool, now_s: float) -> dict[str, int]:
    return {"estimated_time_to_regain_access": pool.told_regain_minutes(now_s)}
