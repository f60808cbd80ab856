"""`docs/doctor.md`, from the checks: `python -m hookline.doctor.handbook`."""

import sys
from typing import Final

from hookline.doctor.catalogue import GROUPS
from hookline.doctor.check import AnyCheck

HEAD: Final = """\
# Doctor

`hookline doctor` looks at every condition that deliveries and rows depend on, from the certificate
of the public address to the disk, and says of each how it stands, why it says so, what follows, and
what to do. It changes nothing unless it is told to. By symptom:
[troubleshooting](troubleshooting.md).

```sh
export HOOKLINE_PUBLIC_URL=https://hooks.example.com     # where Meta reaches ingest
export HOOKLINE_INGEST_URL=http://127.0.0.1:8080         # where the doctor reaches it
hookline doctor                                          # everything
hookline doctor --only callback --only callback_certificate
hookline doctor --account 17841405726653026              # of accounts only this one
hookline doctor --fix --dry-run                          # what could be repaired at once
hookline doctor --fix                                    # asks; elsewhere --yes
hookline doctor --json                                   # one document, for machines
hookline doctor --data .hookline                         # a running `hookline up`
```

With Compose: `docker compose run --rm hookline doctor`. It takes about as long as its slowest
answer, and `HOOKLINE_DOCTOR_TIMEOUT_S` (30 s) at most: what was not looked at by then is unknown.

| state | means |
|---|---|
| red | broken |
| unknown | it could not be looked at, since something else is red; never taken for good |
| yellow | it will break, or has done harm |
| ask | only a person can tell: no API does. What hints at it is told |
| green | as it should be |

Exit codes: 0 nothing is red or unknown, 1 something is, 2 usage, 3 nothing at all could be looked
at. A setting that is missing is a finding of its own, and what does not need it is looked at all
the same.

**`--fix`** runs those of `hookline migrate`, `topics apply` and `subscriptions apply` that would
help, and looks again. It takes nothing away, and moves no callback. Each run is a row of
`hookline.operations` (verb `doctor`). Everything else needs a person: its finding says what to do.

**What Meta sees of it.** The callback is asked as Meta asks it: two handshakes, one of them with a
wrong token, and two deliveries with a wrong signature, which ingest refuses with 401; nothing of
that gets to Kafka, and by their user agent (`Hookline-Doctor/1`) they count as no deliveries. The
Graph API gets one call without a token; with an app's own token two for the app, one for each
further secret of it, and one for each connected user (what it says of the token); with the user's
token one for the list of Pages, and one for each account (what is on air); and with the Page's
token one for each account, its subscription. Long lists take more. No token, secret or text is in
what the doctor prints.

**On one machine.** With `--data`, and a simulated Graph API on this machine, the public address is
that of ingest, unless `HOOKLINE_PUBLIC_URL` says otherwise:

```sh
HOOKLINE_GRAPH_URL=http://127.0.0.1:8090 hookline up
hookline simulate serve-graph --data .hookline --port 8090
curl -s http://127.0.0.1:8090/_simulator/token |
  hookline accounts connect --data .hookline --token-file -
hookline doctor --data .hookline           # neither the app nor a Page is subscribed yet
hookline doctor --data .hookline --fix     # now they are
```

Below is each check: what it looks at, what red means, and the repair. `--only` takes the names.
This page is generated: `make docs`.
"""


def render() -> str:
    """The page."""
    return "\n".join([HEAD, *(_section(name, checks) for name, checks in GROUPS.items())])


def _section(name: str, checks: tuple[AnyCheck, ...]) -> str:
    rows = "\n".join(_row(check) for check in checks)
    title = name[0].upper() + name[1:]
    return f"## {title}\n\n| check | looks at | red means | repair |\n|---|---|---|---|\n{rows}\n"


def _row(check: AnyCheck) -> str:
    return f"| `{check.slug}` | {check.looks_at} | {check.red_means} | {check.repair} |"


if __name__ == "__main__":
    sys.stdout.write(render())
