"""Whom PostgreSQL runs as. It refuses to be root; another user may not get everywhere."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runtime.errors import DependencyError

PROBE_TIMEOUT_S: Final = 20

GRANTS: Final = ("", "dac_read_search", "dac_override")
"""What root may pass on, least first. The data or the programs may stand below a folder that is
root's alone: then the other user needs one of these to get there. The first passes by permissions
to read, the second (which containers have where the first is taken away) to write as well.
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, and what a command begins with so that it runs as that user."""

    prefix: tuple[str, ...] = ()
    uid: int = -1
    gid: int = -1

    def give(self, *paths: Path) -> None:
        """Makes these files the owner's."""
        for path in paths:
            os.chown(path, self.uid, self.gid)


def find_owner(folder: Path, program: Path) -> Owner:
    """Whom to run a program as, on a folder of that user's; ourselves, unless we are root.

    Args:
        folder: where the program works; of root's, it is given to the owner here.
        program: an executable that knows `--version`.

    Raises:
        DependencyError: we are root, and nobody else can run it there.
    """
    if os.geteuid() != 0:
        return Owner()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise DependencyError(
            "PostgreSQL does not run as root. Run as another user, or install util-linux' setpriv."
        )
    uid, gid = _user_for(folder)
    os.chown(folder, uid, gid)
    for grant in GRANTS:
        owner = Owner(_prefix(setpriv, uid, gid, grant), uid, gid)
        if _works(owner, folder, program):
            return owner
    raise DependencyError(
        f"PostgreSQL does not run as root, and the user {uid} cannot work in {folder} or cannot "
        f"run {program}. Choose another folder with --data, or run as another user."
    )


def _user_for(folder: Path) -> tuple[int, int]:
    """Whose the folder is already, else a user that systems have for such ends."""
    now = folder.stat()
    if now.st_uid != 0:
        return now.st_uid, now.st_gid
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    raise DependencyError("PostgreSQL does not run as root, and there is no user `nobody`.")


def _prefix(setpriv: str, uid: int, gid: int, grant: str) -> tuple[str, ...]:
    # access(2), which initdb asks about its programs, takes capabilities from all but root unless
    # this bit is set. Source: https://man7.org/linux/man-pages/man7/capabilities.7.html
    fixup = "--securebits=+no_setuid_fixup"
    caps = (f"--inh-caps=+{grant}", f"--ambient-caps=+{grant}", fixup) if grant else ()
    return (setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *caps, "--")


def _works(owner: Owner, folder: Path, program: Path) -> bool:
    done = subprocess.run(
        [*owner.prefix, "sh", "-c", 'cd "$1" && exec "$0" --version', program, folder],
        capture_output=True,
        timeout=PROBE_TIMEOUT_S,
        check=False,
    )
    return done.returncode == 0
