"""`python -m ingest`: the ingest service, settings from the environment."""

import sys

from ingest.processes import run_ingest
from runtime.configuration import load
from runtime.errors import SettingsError
from runtime.lifecycle import EXIT_USAGE
from schemas.settings import IngestSettings


def main() -> int:
    """Runs ingest until it is told to stop; gives the exit code."""
    try:
        settings = load(IngestSettings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    return run_ingest(settings)


if __name__ == "__main__":
    sys.exit(main())
