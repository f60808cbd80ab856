"""The invented accounts, people and ids behind the traffic. Owns chance: one seed, one world."""

from dataclasses import dataclass
from random import Random
from typing import Final

from simulator.texts import AD_TITLES

START_S: Final = 1_790_000_000
"""When simulated time begins (2026-09-21, UTC seconds). Fixed, so that bodies repeat by seed."""


@dataclass(frozen=True, slots=True)
class Account:
    """A professional account: what `entry.id` names."""

    id: str
    username: str
    self_ig_scoped_id: str


@dataclass(frozen=True, slots=True)
class User:
    """Someone who comments, by the id scoped to app and account."""

    id: str
    username: str


@dataclass(frozen=True, slots=True)
class Ad:
    """A boosted post: the ad copy has a media id of its own."""

    media_id: str
    original_media_id: str
    ad_id: str
    title: str


class World:
    """Draws everything that a delivery tells, the same things in the same order for one seed.

    Accounts are the same in every world; ids of comments, media and messages differ from seed to
    seed, and never repeat within one.
    """

    def __init__(self, seed: int, *, accounts: int = 3, start_s: int = START_S) -> None:
        if not 1 <= accounts <= 100_000:
            raise ValueError("accounts must be between 1 and 100000")
        self.random = Random(seed)
        self.accounts = tuple(_account(number) for number in range(1, accounts + 1))
        self._now_ms = start_s * 1000
        # Ids grow from a place that depends on the seed: 16 to 18 digits, as real ones have.
        self._id_base = self.random.randrange(10**7)
        self._id_count = 0

    def account(self) -> Account:
        """One of the accounts; the first ones are the busier ones."""
        return self.accounts[int(len(self.accounts) * self.random.random() ** 2)]

    def user(self) -> User:
        """One of some thousand people."""
        number = self.random.randrange(5000)
        return User(f"{1_281_680_000_000_000 + number * 7919}", f"user_{number}")

    def new_id(self, prefix: str) -> str:
        """An id that no other thing of this world has: 17 digits with a three-digit prefix."""
        self._id_count += 1
        return f"{prefix}{self._id_base:07d}{self._id_count:07d}"

    def comment_id(self) -> str:
        """The id of a new comment."""
        return self.new_id("179")

    def media_id(self, account: Account) -> str:
        """One of an account's twenty media."""
        return f"18{account.id[-9:]}{self.random.randrange(20):06d}"

    def foreign_media_id(self) -> str:
        """Media that none of the accounts owns."""
        return self.new_id("180")

    def ad(self, account: Account) -> Ad:
        """One of an account's five boosted posts."""
        number = self.random.randrange(5)
        suffix = f"{account.id[-9:]}{number:06d}"
        title = AD_TITLES[number % len(AD_TITLES)]
        return Ad(f"19{suffix}", f"18{suffix}", f"120{suffix}", title)

    def pick(self, choices: tuple[str, ...]) -> str:
        """One of `choices`."""
        return choices[int(len(choices) * self.random.random())]

    def chance(self, probability: float) -> bool:
        """True as often as told."""
        return self.random.random() < probability

    def let_pass(self, seconds: int) -> None:
        """Simulated time goes on by so much."""
        self._now_ms += seconds * 1000

    def now_ms(self) -> int:
        """Simulated time in milliseconds; it passes with each reading, by up to two seconds."""
        self._now_ms += 1 + int(2000 * self.random.random())
        return self._now_ms

    def now_s(self) -> int:
        """Simulated time in whole seconds."""
        return self.now_ms() // 1000


def _account(number: int) -> Account:
    return Account(
        id=f"178414{number:011d}",
        username=f"brand_{number}",
        self_ig_scoped_id=f"{2_105_720_000_000_000 + number}",
    )
