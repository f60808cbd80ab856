"""Who manages what: users, their Pages, and the accounts linked to these. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.graph.chance import digits
from simulator.graph.options import GraphOptions
from simulator.world import World


@dataclass(frozen=True, slots=True)
class Account:
    """A professional account, its Page and the user who manages both.

    `id` is empty for a Page that no account is linked to.
    """

    id: str
    username: str
    page_id: str
    page_name: str
    user: int
    self_ig_scoped_id: str = ""


class Directory:
    """All accounts, found by their ids and by those of their Pages."""

    def __init__(self, options: GraphOptions) -> None:
        world = World(0, accounts=options.accounts).accounts
        self_ids = {one.id: one.self_ig_scoped_id for one in world}
        named = [(one.id, one.username) for one in world]
        named += [(one, f"account_{one[-4:]}") for one in options.account_ids]
        self.accounts: dict[str, Account] = {}
        self.pages: dict[str, Account] = {}
        self._of_user: dict[int, list[Account]] = {user: [] for user in range(options.users)}
        for number, (account_id, username) in enumerate(dict(named).items()):
            page_id = f"1{account_id[2:]}"
            user = number % options.users
            self_id = self_ids.get(account_id) or f"21{digits(14, 'self', account_id)}"
            account = Account(account_id, username, page_id, f"Page of {username}", user, self_id)
            self.accounts[account_id] = account
            self._add(account)
        for user in range(options.users):
            self._add(Account("", "", f"19{user:014d}", "A Page without an account", user))

    def _add(self, account: Account) -> None:
        self.pages[account.page_id] = account
        self._of_user[account.user].append(account)

    def of_user(self, user: int) -> Sequence[Account]:
        """The Pages of a user, with their accounts."""
        return self._of_user.get(user, ())


def user_id(user: int) -> str:
    """The id of a user, scoped to the app."""
    return f"122{user:014d}"
