#!/usr/bin/env bash
# Runs docker-compose.yml for real, from build to removal: what every acknowledged delivery must
# become, enrichment from a simulated Graph API and answers to it, replicas, killed containers, a clean
# stop, and what the containers may not do.
# Needs a Docker-compatible engine with compose as `docker compose`, and `make setup`. Has its own
# project, port, secrets and image tag: a stack that is up already is left alone.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-.venv/bin/python}
workers=(archive dedupe persist enrich reply watchdog)
callers=(enrich reply watchdog)
ours=(ingest "${workers[@]}")
scratch=$(mktemp -d "${TMPDIR:-/tmp}/hookline-compose.XXXXXX")
port=${HOOKLINE_TEST_PORT:-18080}
url=http://127.0.0.1:$port
graph_port=${HOOKLINE_TEST_GRAPH_PORT:-18090}
worker_memory_mib=150
token_form='EAA[0-9A-Za-z]{20}'

export COMPOSE_PROJECT_NAME=hookline-acceptance
export HOOKLINE_TAG=acceptance
export HOOKLINE_PUBLISH=127.0.0.1:$port
export HOOKLINE_GRAPH_PUBLISH=127.0.0.1:$graph_port
export HOOKLINE_SECRETS_DIR=$scratch/secrets
export HOOKLINE_RULES_DIR=$scratch/rules
# More calls than Meta gives to an account in a day: none is left for tomorrow.
printf 'services: {graph: {command: ["--limit", "100000"]}}\n' >"$scratch/graph.yml"
export COMPOSE_FILE=docker-compose.yml:$scratch/graph.yml

passed() {
  printf 'ok %4ds  %s\n' "$SECONDS" "$*"
}

failed() {
  echo "FAILED after $SECONDS s: $*" >&2
  docker compose ps --all >&2 || true
  docker compose logs --no-color --tail 30 "${ours[@]}" >&2 || true
  exit 1
}

clean_up() {
  local status=$?
  trap - EXIT
  docker compose --profile tools down --volumes --remove-orphans --timeout 10 >"$scratch/down.log" 2>&1 ||
    cat "$scratch/down.log" >&2
  docker image rm hookline-ingest:acceptance hookline-workers:acceptance >/dev/null 2>&1 || true
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# quietly NAME COMMAND...: its output is shown only when it fails.
quietly() {
  "${@:2}" >"$scratch/$1.log" 2>&1 || {
    tail -n 40 "$scratch/$1.log" >&2
    failed "$1"
  }
}

# within SECONDS COMMAND...: repeats the command until it succeeds.
within() {
  local end=$((SECONDS + $1))
  until "${@:2}"; do
    ((SECONDS < end)) || return 1
    sleep 0.5
  done
}

up() {
  quietly up docker compose up --detach --wait --wait-timeout 240 "$@"
}

containers() {
  docker compose ps --all --quiet "$@"
}

# Whether every container of these services runs and is healthy.
healthy() {
  [[ $(containers "$@" | xargs docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' | sort -u) == "running healthy" ]]
}

simulate() {
  HOOKLINE_APP_SECRETS_FILE=$HOOKLINE_SECRETS_DIR/app_secrets \
    "$python" -m hookline simulate send --url "$url" --json "$@"
}

sent=()

# send SEED DELIVERIES [OPTION...]: mixed traffic, of which everything must meet its right answer.
send() {
  sent+=("$1:$2")
  simulate --seed "$1" --deliveries "$2" "${@:3}" >"$scratch/sent.json" 2>"$scratch/sent.log" || {
    cat "$scratch/sent.json" "$scratch/sent.log" >&2
    failed "a delivery of seed $1 did not meet the answer that it should"
  }
}

summary() {
  "$python" -c 'import json, sys
s = json.load(open(sys.argv[1]))
print(s["acknowledged"], "acknowledged,", s["refused"], "refused,", s["retried"], "sent again, p99", s["latency_p99_ms"], "ms")' "$scratch/sent.json"
}

psql() {
  docker compose exec -T postgres psql --username hookline --dbname hookline \
    --no-psqlrc --no-align --tuples-only "$@"
}

differences() {
  "$python" tests/acceptance/compose_truth.py "${sent[@]}" | psql >"$scratch/differences" 2>&1 &&
    [[ ! -s $scratch/differences ]]
}

# Everything acknowledged so far is in the tables, once, and nothing else is.
complete() {
  within "$1" differences || {
    cat "$scratch/differences" >&2
    failed "the tables are not what was sent"
  }
}

enriched() {
  psql <<'SQL' >"$scratch/unenriched" 2>&1 && [[ ! -s $scratch/unenriched ]]
WITH rows AS (
  SELECT 'comments' AS view, enrichment_status, enrichment_reason,
    commented_at IS NOT NULL AND (media_posted_at IS NOT NULL OR canonical_media_id IS NULL) AS told
  FROM analytics.comments
  UNION ALL
  SELECT 'mentions', enrichment_status, enrichment_reason, mentioned_at IS NOT NULL AND text IS NOT NULL
  FROM analytics.mentions
)
SELECT view, enrichment_status, enrichment_reason, count(*) FROM rows
WHERE enrichment_status IS DISTINCT FROM 'done'
  AND enrichment_reason IS DISTINCT FROM 'not_found_or_no_permission'
GROUP BY 1, 2, 3
UNION ALL
SELECT view, 'done', 'without what only the Graph API tells', count(*) FROM rows
WHERE enrichment_status = 'done' AND NOT told GROUP BY 1
UNION ALL
SELECT view, 'none is done', '', 0 FROM rows
GROUP BY 1 HAVING count(*) FILTER (WHERE enrichment_status = 'done') = 0;
SQL
}

# Every row is as far enriched as it will be for now, and holds what only the Graph API tells.
all_enriched() {
  within "$1" enriched || {
    cat "$scratch/unenriched" >&2
    failed "rows are not enriched"
  }
}

# written [ENDPOINT]: how many answers Meta's side has, of which none may be to what was answered before.
written() {
  "$python" - "http://127.0.0.1:$graph_port/_simulator/writes" "${1:-mention_reply}" <<'PYTHON'
import json
import sys
from urllib.request import urlopen

with urlopen(sys.argv[1], timeout=10) as answer:
    writes = json.load(answer)
targets = [(one["account_id"], one["target"]) for one in writes if one["endpoint"] == sys.argv[2]]
print(len(targets) if len(set(targets)) == len(targets) else "several to one")
PYTHON
}

answered() {
  psql <<'SQL' >"$scratch/unanswered" 2>&1 && [[ ! -s $scratch/unanswered ]]
SELECT coalesce(r.state, 'not planned'), r.reason, count(*)
FROM hookline.mentions AS m LEFT JOIN hookline.replies AS r ON r.event_id
  = concat_ws(':', 'mentions', m.account_id, m.media_id, coalesce(nullif(m.comment_id, ''), '-'))
WHERE m.enrichment_status = 'done' AND r.state IS DISTINCT FROM 'sent'
GROUP BY 1, 2;
SQL
}

# Every mention that could be read is answered, and once.
all_answered() {
  within "$1" answered || {
    cat "$scratch/unanswered" >&2
    failed "mentions are not answered"
  }
  [[ $(written) == $(psql --command "SELECT count(*) FROM hookline.replies WHERE state = 'sent'") ]] ||
    failed "what Meta has is not what was sent: $(written)"
}

# each_worked SERVICE REPLICAS METRIC: each of them has counted something.
each_worked() {
  local number
  for ((number = 1; number <= $2; number++)); do
    docker compose exec -T --index "$number" "$1" python -c "
import urllib.request
page = urllib.request.urlopen('http://127.0.0.1:9464/metrics', timeout=5).read().decode()
done = sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith('$3{'))
raise SystemExit(done == 0)" || failed "replica $number of $1 had nothing to do"
  done
}

goes_out() {
  docker compose exec -T "$1" cat /proc/net/route | grep -qE '^\S+\s+00000000\s'
}

memory() {
  containers "$@" | xargs docker stats --no-stream --format '{{.Name}} {{.MemUsage}}'
}

# --- Build and start

deploy/compose/make-secrets.sh "$HOOKLINE_SECRETS_DIR" >/dev/null
mkdir -m 0755 "$HOOKLINE_RULES_DIR"
docker compose config --quiet || failed "config"
quietly build docker compose build
passed "build: $(docker image ls --format '{{.Repository}} {{.Size}}' --filter reference='hookline-*:acceptance' | sort -u | paste -sd ' ')"
up
passed "up --wait"

# --- What the containers are

quietly imports docker run --rm --network none --entrypoint python hookline-ingest:acceptance -c \
  "import importlib.util as u, sys; sys.exit([n for n in ('sqlalchemy', 'asyncpg', 'alembic') if u.find_spec(n)] or 0)"
passed "the ingest image has no database driver"

for service in kafka postgres "${ours[@]}"; do
  [[ $(docker compose exec -T "$service" id -u) != 0 ]] || failed "$service runs as root"
done
for service in "${ours[@]}"; do
  if docker compose exec -T "$service" python -c "open('/opt/hookline/written', 'w')" 2>/dev/null; then
    failed "$service can write to its root file system"
  fi
done
for service in kafka postgres "${workers[@]}"; do
  [[ -z $(docker port "$(containers "$service")") ]] || failed "$service publishes a port"
done
if docker compose exec -T ingest python -c "import socket; socket.create_connection(('postgres', 5432), 2)" 2>/dev/null; then
  failed "ingest reaches the database"
fi
for service in "${callers[@]}"; do
  goes_out "$service" || failed "$service cannot go out"
done
for service in kafka postgres archive dedupe persist; do
  ! goes_out "$service" || failed "$service can go out"
done
if docker compose exec -T reply python -c "open('/etc/hookline/rules/written', 'w')" 2>/dev/null; then
  failed "reply can write to the folder of its rules"
fi
passed "nobody is root, root file systems and rules are read-only, only ingest has a port and it reaches no database, only ${callers[*]} call out"

"$python" - "$url" "$HOOKLINE_SECRETS_DIR/verify_token" <<'PYTHON' || failed "handshake"
import sys
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

token = Path(sys.argv[2]).read_text().strip()
query = urlencode({"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"})
with urlopen(f"{sys.argv[1]}/webhooks/instagram?{query}", timeout=10) as answer:
    assert answer.read() == b"1158201444"
PYTHON
passed "the handshake is answered"

# --- From delivery to row

send 1 400
complete 60
passed "1 replica each: $(summary)"
memory "${ours[@]}" >"$scratch/memory"

up --scale dedupe=3
[[ $(containers dedupe | wc -l) == 3 ]] || failed "there are not 3 replicas of dedupe"
send 2 800
complete 60
each_worked dedupe 3 hookline_changes_total
passed "3 replicas of dedupe, each with work: $(summary)"

# --- Enrichment, from a simulated Graph API, and answers to mentions

export HOOKLINE_GRAPH_URL=http://graph:8090
export HOOKLINE_REPLY_RULES=/etc/hookline/rules/replies.toml
# Simulated mentions are months old.
cat >"$HOOKLINE_RULES_DIR/replies.toml" <<'TOML'
[[rule]]
name = "thanks"
on = ["comment_mention", "caption_mention"]
answers = ["Thank you!", "Thank you, {username}!"]
max_age_hours = 8760
TOML
quietly graph docker compose up --detach --wait graph
up --scale dedupe=3 --scale enrich=2 --scale reply=2
[[ $(containers enrich | wc -l) == 2 ]] || failed "there are not 2 replicas of enrich"
"$python" - "http://127.0.0.1:$graph_port/_simulator/token" >"$scratch/token" <<'PYTHON' || failed "the token"
import sys
from urllib.request import urlopen

with urlopen(sys.argv[1], timeout=10) as answer:
    print(answer.read().decode())
PYTHON
quietly connect docker compose run --rm --no-TTY hookline accounts connect --token-file - <"$scratch/token"
quietly accounts docker compose run --rm --no-TTY hookline accounts list
quietly simulate docker compose run --rm --no-TTY simulate send --seed 7 --deliveries 600 \
  --graph http://graph:8090 --allow-remote
sent+=("7:600")
complete 60
all_enriched 90
each_worked enrich 2 hookline_graph_calls_total
all_answered 60
quietly status docker compose run --rm --no-TTY hookline enrichment status
passed "accounts connected, all rows enriched by 2 replicas of enrich, those from before too: $(psql --command "
SELECT string_agg(rows || ' ' || enrichment_status, ', ') FROM (
  SELECT enrichment_status, count(*) AS rows FROM analytics.comments GROUP BY 1) AS counted")"
passed "every mention answered once by 2 replicas of reply: $(written) answers"

comment=$(psql --command "
SELECT concat_ws(':', field, account_id, comment_id) FROM analytics.comments
WHERE field = 'comments' AND enrichment_status = 'done' AND is_own IS NOT TRUE AND hidden IS NOT TRUE LIMIT 1")
for _ in 1 2; do
  quietly by-hand docker compose run --rm --no-TTY hookline replies send "$comment" \
    --message-file - --yes <<<"Thank you for asking."
done
quietly list docker compose run --rm --no-TTY hookline replies list
[[ $(written comment_reply) == 1 ]] || failed "what was ordered by hand twice was not written once"
passed "a comment answered by hand, once, though ordered twice"

# --- Faults, while deliveries arrive

# Kills all processes of a service but its process 1, which then ends too.
kill_inside() {
  docker compose exec -T "$1" python -c "import os, signal; os.kill(-1, signal.SIGKILL)" >/dev/null 2>&1 || true
}

send 3 1500 --rate 120 &
sending=$!
sleep 2
for service in archive dedupe persist ingest "${callers[@]}"; do
  kill_inside "$service"
  sleep 2
done
wait "$sending" || exit 1
sent+=("3:1500")
within 90 healthy "${ours[@]}" || failed "a killed service did not come back"
complete 60
for service in "${ours[@]}"; do
  [[ $(containers "$service" | xargs docker inspect --format '{{.RestartCount}}' | sort -n | tail -n 1) -ge 1 ]] ||
    failed "$service was not killed"
done
passed "each service killed and started again by itself: $(summary)"

for service in kafka postgres; do
  [[ $service == kafka ]] && seed=4 || seed=5
  send "$seed" 1200 --rate 100 &
  sending=$!
  sleep 3
  quietly "kill-$service" docker compose kill --signal SIGKILL "$service"
  sleep 5
  quietly "start-$service" docker compose start "$service"
  began=$SECONDS
  wait "$sending" || exit 1
  sent+=("$seed:1200")
  within 120 healthy "$service" "${ours[@]}" || failed "not healthy after $service was killed"
  complete 90
  passed "$service killed and started again, complete $((SECONDS - began)) s after its start: $(summary)"
done

all_enriched 120
passed "what came meanwhile is enriched too"

# --- What nobody may see, after all that

for container in $(containers); do
  docker inspect "$container"
  docker logs "$container" 2>&1
done >"$scratch/visible"
for container in $(docker compose ps --quiet --status running); do
  docker top "$container" -ww -eo pid,args
done >>"$scratch/visible"
[[ $(grep -c 'hookline worker' "$scratch/visible") -ge 3 ]] || failed "the process lists could not be read"
docker image history --no-trunc hookline-ingest:acceptance >>"$scratch/visible"
docker image history --no-trunc hookline-workers:acceptance >>"$scratch/visible"
for secret in "$(cut -d : -f 2 "$HOOKLINE_SECRETS_DIR/app_secrets")" \
  "$(cat "$HOOKLINE_SECRETS_DIR/verify_token")" "$(cat "$HOOKLINE_SECRETS_DIR/postgres_password")" \
  "$(cat "$HOOKLINE_SECRETS_DIR/vault_keys")" "$(cat "$scratch/token")"; do
  [[ ${#secret} -ge 32 ]] || failed "a secret is too short to be searched for"
  ! grep -qF "$secret" "$scratch/visible" || failed "a secret is in an environment, a process list, a log or an image"
done
# Tokens of Pages, and the one that lives for 60 days.
grep -qE "$token_form" "$scratch/token" || failed "tokens are not searched for by their form"
! grep -qE "$token_form" "$scratch/visible" || failed "a token is in an environment, a process list, a log or an image"
passed "no secret and no token in environments, process lists, logs and images"

# --- Stop, start again, remove

memory "${ours[@]}" >>"$scratch/memory"
sort -u "$scratch/memory"
while read -r name used unit; do
  case $name in
    *-ingest-*) continue ;;
  esac
  used=${used%MiB*}
  [[ $used =~ ^[0-9.]+$ && ${used%.*} -le $worker_memory_mib ]] || failed "$name uses ${used} ${unit}"
done <"$scratch/memory"
passed "workers stay within $worker_memory_mib MiB"

began=$SECONDS
quietly stop docker compose stop
for container in $(containers "${ours[@]}" postgres); do
  [[ $(docker inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}}' "$container") == "0 false" ]] ||
    failed "$(docker inspect --format '{{.Name}} ended with {{.State.ExitCode}}' "$container")"
done
passed "SIGTERM: every service ended with 0 within $((SECONDS - began)) s"

quietly down docker compose --profile tools down
up --scale dedupe=2
complete 60
quietly simulate docker compose run --rm --no-TTY simulate send --seed 6 --deliveries 100
sent+=("6:100")
complete 60
passed "the volumes kept everything; the simulator runs as a container too"

docker compose --profile tools down --volumes >"$scratch/down.log" 2>&1 || failed "down"
[[ -z $(docker volume ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME") ]] ||
  failed "volumes remain"
passed "down --volumes"
echo "passed in $SECONDS s"
