"""The doctor's settings, part by part: where one is missing or wrong, the others are of use."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from hookline.doctor.checks.configured import SLUG
from hookline.doctor.facts import Configured
from hookline.doctor.finding import Unseen
from runtime.configuration import NOTHING, load
from runtime.errors import SettingsError
from schemas.settings import (
    PREFIX,
    AppSettings,
    CallbackSettings,
    CallSettings,
    ExaminationSettings,
    MigrateSettings,
    Settings,
    SpoolSettings,
    TopicsSettings,
    VaultSettings,
    WatchSettings,
)

Model = TypeVar("Model", bound=Settings)

MISSING: Final = "missing"


@dataclass(frozen=True, slots=True)
class Setup:
    """Each part, or what is wrong with it."""

    topics: TopicsSettings | Unseen
    database: MigrateSettings | Unseen
    apps: AppSettings | Unseen
    vault: VaultSettings | Unseen
    call: CallSettings | Unseen
    callback: CallbackSettings | Unseen
    spool: SpoolSettings | Unseen
    watch: WatchSettings | Unseen
    examination: ExaminationSettings | Unseen

    @property
    def configured(self) -> Configured:
        """All that is missing or wrong, each once."""
        parts = [getattr(self, one.name) for one in fields(self)]
        wrong = [problem for part in parts if isinstance(part, Unseen) for problem in _lines(part)]
        return Configured(tuple(sorted({*wrong, *self._unset()})))

    def _unset(self) -> list[str]:
        """What services do without, and the doctor does not."""
        callback = self.callback
        if isinstance(callback, Unseen):
            return []
        wanted = {"PUBLIC_URL": callback.public_url, "VERIFY_TOKEN": callback.verify_token}
        return [f"{PREFIX}{name}: {MISSING}" for name, value in wanted.items() if value is None]


def setup(given: Mapping[str, str] = NOTHING) -> Setup:
    """What the environment has; `given` takes the place of it, by the names of the models."""
    return Setup(
        _part(TopicsSettings, given),
        _part(MigrateSettings, given),
        _part(AppSettings, given),
        _part(VaultSettings, given),
        _part(CallSettings, given),
        _part(CallbackSettings, given),
        _part(SpoolSettings, given),
        _part(WatchSettings, given),
        _part(ExaminationSettings, given),
    )


def _part(model: type[Model], given: Mapping[str, str]) -> Model | Unseen:
    try:
        return load(model, given)
    except SettingsError as error:
        return Unseen("\n".join(error.problems), SLUG)


def _lines(part: Unseen) -> list[str]:
    return part.why.splitlines()
