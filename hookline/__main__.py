"""`hookline` and `python -m hookline`. Owns the exit codes: 0 ok, 1 no, 2 usage, 3 unreachable."""

import logging
import sys
from typing import Final

from hookline.cli.app import app
from runtime.errors import DependencyError, HooklineError, SettingsError
from runtime.lifecycle import EXIT_NO, EXIT_UNREACHABLE, EXIT_USAGE

OPTIONAL: Final = frozenset({"alembic", "asyncpg", "cryptography", "sqlalchemy"})
"""Packages of extras: an image that only receives does without them."""


def main() -> None:
    """Runs the command. What a user can cause is told in a sentence, never as a traceback."""
    # A dependency that is away is told once, by us, and not by each attempt of the client.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        app()
    except SettingsError as error:
        _exit(str(error), EXIT_USAGE)
    except DependencyError as error:
        _exit(str(error), EXIT_UNREACHABLE)
    except HooklineError as error:
        _exit(str(error), EXIT_NO)
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in OPTIONAL:
            raise
        _exit(f"This needs {name}. Install it: pip install 'hookline[workers,embedded]'", EXIT_NO)
    except OSError as error:
        if error.filename is None:
            raise
        _exit(f"{error.filename}: {error.strerror}.", EXIT_NO)
    except KeyboardInterrupt:
        _exit("Stopped.", EXIT_NO)


def _exit(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
