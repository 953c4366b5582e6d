#!/usr/bin/env bash
# Runs a stand-alone Airflow with Poseline's DAGs. All its files are under .airflow/ of this checkout, readable by nobody
# else, and it listens on loopback only.
#
#   tools/airflow.sh setup                 create or update .airflow/venv from dags/environment/uv.lock
#   tools/airflow.sh start [OPTIONS]       compile the DAG manifests (OPTIONS go to `poseline compile`), start, wait
#   tools/airflow.sh stop                  stop Airflow and all running tasks
#   tools/airflow.sh cli ARGUMENTS         run the `airflow` command in its environment
#   tools/airflow.sh backfill NAME A B     run the pipeline for each span from A to B, one after the other
#
# To change the defaults, set AIRFLOW_HOME, POSELINE_ROOT, POSELINE_PIPELINES, POSELINE_AIRFLOW_PORT, or any
# AIRFLOW__... variable.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 077

readonly PROJECT=$PWD VENV=$PWD/.airflow/venv
readonly PARTS="log-server api-server scheduler dag-processor triggerer"
export AIRFLOW_HOME=${AIRFLOW_HOME:-$PROJECT/.airflow/home}
export POSELINE_ROOT=${POSELINE_ROOT:-$PROJECT/.poseline}
export POSELINE_PIPELINES=${POSELINE_PIPELINES:-baduanjin}
PORT=${POSELINE_AIRFLOW_PORT:-8080}
readonly PORT ADDRESS=http://localhost:$PORT

say() { printf 'airflow: %s\n' "$*" >&2; }
die() { say "$1"; shift; for line in "$@"; do say "  $line"; done; exit 2; }

settings() {
  export PYTHONPATH=$PROJECT/dags:$PROJECT/dags/plugins PATH=$VENV/bin:$PATH
  export AIRFLOW__CORE__DAGS_FOLDER=${AIRFLOW__CORE__DAGS_FOLDER:-$PROJECT/dags}
  export AIRFLOW__CORE__PLUGINS_FOLDER=${AIRFLOW__CORE__PLUGINS_FOLDER:-$PROJECT/dags/plugins}
  export AIRFLOW__CORE__LOAD_EXAMPLES=False
  export AIRFLOW__CORE__EXECUTOR=${AIRFLOW__CORE__EXECUTOR:-LocalExecutor}
  export AIRFLOW__CORE__PARALLELISM=${AIRFLOW__CORE__PARALLELISM:-4}
  export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=${AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION:-False}
  export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=${AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE:-$AIRFLOW_HOME/login.json}
  export AIRFLOW__CORE__EXECUTION_API_SERVER_URL=${AIRFLOW__CORE__EXECUTION_API_SERVER_URL:-$ADDRESS/execution/}
  export AIRFLOW__API__HOST=${AIRFLOW__API__HOST:-127.0.0.1} AIRFLOW__API__PORT=$PORT
  export AIRFLOW__API__BASE_URL=${AIRFLOW__API__BASE_URL:-$ADDRESS}
  export AIRFLOW__API__WORKERS=${AIRFLOW__API__WORKERS:-1}
  export AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=${AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT:-$((PORT + 1))}
  export AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT=$AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT
  export AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS=${AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS:-0o700}
  export AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS=${AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS:-0o600}
  # The API server fetches the log of a running task from the host that this names, and here that is only on loopback.
  if [ "$AIRFLOW__CORE__EXECUTOR" = LocalExecutor ]; then
    export AIRFLOW__CORE__HOSTNAME_CALLABLE=${AIRFLOW__CORE__HOSTNAME_CALLABLE:-poseline_dags.settings.loopback}
  fi
  export AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL=${AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL:-30}
  export AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL=${AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL:-15}
  export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
}

# Prints the interpreter that .venv/ was created from; Airflow does not need the C library that .venv/ may use.
base_python() {
  local home
  home=$(sed -n 's/^home = //p' .venv/pyvenv.cfg 2>/dev/null || true)
  for candidate in "$home/python3.12" "$home/python3" python3.12; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'; return
    fi
  done
  echo 3.12
}

setup() {
  local uv=.tools/bin/uv stamp extra=()
  [ -x "$uv" ] || die "the tools are not installed" "run: make setup"
  case "${AIRFLOW__DATABASE__SQL_ALCHEMY_CONN:-}" in postgresql*) extra=(--extra postgres) ;; esac
  stamp=$(cat dags/environment/uv.lock dags/environment/pyproject.toml tools/airflow.sh | sha256sum | cut -d' ' -f1)" $PROJECT ${extra[*]:-}"
  mkdir -p .airflow
  exec 9>.airflow/lock
  if command -v flock >/dev/null; then flock 9; fi
  [ "$(cat "$VENV/.poseline-setup" 2>/dev/null)" != "$stamp" ] || { exec 9>&-; return 0; }
  say "installing the locked packages into .airflow/venv (270 MB)"
  [ ! -s /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
  (umask 022; UV_PROJECT_ENVIRONMENT=$VENV UV_LINK_MODE=copy "$uv" sync --project dags/environment --frozen \
    --compile-bytecode --quiet --python "$(base_python)" "${extra[@]}")
  printf '%s' "$stamp" >"$VENV/.poseline-setup"
  exec 9>&-
}

pid_file() { echo "$AIRFLOW_HOME/run/$1.pid"; }
alive() { [ -s "$(pid_file "$1")" ] && kill -0 "$(cat "$(pid_file "$1")")" 2>/dev/null; }

# Airflow's own log servers listen on all addresses, which no setting changes. One on loopback takes the place of both.
launch() {
  local program=(airflow "$1")
  case "$1" in
    scheduler | triggerer) program+=(--skip-serve-logs) ;;
    log-server) program=(python -m uvicorn airflow.utils.serve_logs.log_server:get_app --factory --no-access-log
      --host 127.0.0.1 --port "$AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT") ;;
  esac
  mkdir -p "$AIRFLOW_HOME/run"
  setsid "${program[@]}" >>"$AIRFLOW_HOME/run/$1.log" 2>&1 </dev/null &
  echo $! >"$(pid_file "$1")"
  echo $! >>"$AIRFLOW_HOME/run/sessions"
}

healthy() {
  python - "$ADDRESS" <<'PY' 2>/dev/null
import json, sys, urllib.request
found = json.load(urllib.request.urlopen(sys.argv[1] + "/api/v2/monitor/health", timeout=5))
sys.exit(any(found[part]["status"] != "healthy" for part in ("metadatabase", "scheduler", "triggerer", "dag_processor")))
PY
}

# Chooses the passwords of the simple auth manager; it would write those that it chooses itself to its log.
choose_passwords() {
  case "${AIRFLOW__CORE__AUTH_MANAGER:-SimpleAuthManager}" in *SimpleAuthManager) ;; *) return 0 ;; esac
  local file=$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE
  python - "$file" "${AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS:-admin:admin}" <<'PY' || die "no login could be made" "file: $file"
import json, pathlib, secrets, sys
file, users = pathlib.Path(sys.argv[1]), sys.argv[2]
known = json.loads(file.read_text() or "{}") if file.exists() else {}
new = {name: secrets.token_hex(16) for name in (user.split(":")[0].strip() for user in users.split(","))} | known
file.touch(0o600)
file.chmod(0o600)
if new != known:
    file.write_text(json.dumps(new) + "\n")
PY
  say "the login is in $file"
}

start() {
  setup
  (umask 022; for name in $POSELINE_PIPELINES; do
    .venv/bin/python -m pipelines.cli compile --config "$name" --root "$POSELINE_ROOT" "$@" >/dev/null
    say "compiled $name"
  done)
  settings
  mkdir -p "$AIRFLOW_HOME"
  chmod go= "$AIRFLOW_HOME"
  airflow db migrate >"$AIRFLOW_HOME/migrate.log" 2>&1 || die "the database could not be created" "see $AIRFLOW_HOME/migrate.log"
  airflow pools set poseline_heavy "${POSELINE_HEAVY_SLOTS:-1}" "nodes that load TensorFlow or Beam" >/dev/null 2>&1
  choose_passwords
  for part in $PARTS; do alive "$part" || launch "$part"; done
  local deadline=$((SECONDS + 180))
  until healthy; do
    for part in $PARTS; do
      alive "$part" || die "$part ended" "$(tail -n 3 "$AIRFLOW_HOME/run/$part.log")" "log: $AIRFLOW_HOME/run/$part.log"
    done
    [ $SECONDS -lt $deadline ] || die "Airflow did not become healthy within three minutes" "logs: $AIRFLOW_HOME/run/"
    sleep 0.5
  done
  say "up at $ADDRESS"
  say "to stop it: make airflow-down"
}

# Prints the ids of this Airflow's processes. Tasks have process groups of their own, so they are found by AIRFLOW_HOME.
processes() {
  local entry
  for entry in /proc/[0-9]*; do
    if [ "$entry" != "/proc/$$" ] && [ "$entry" != "/proc/$BASHPID" ] &&
      tr '\0' '\n' 2>/dev/null <"$entry/environ" | grep -qx "AIRFLOW_HOME=$AIRFLOW_HOME" &&
      tr '\0' ' ' 2>/dev/null <"$entry/cmdline" | grep -q airflow; then
      echo "${entry#/proc/}"
    fi
  done
}

stop() {
  local part
  for part in scheduler triggerer dag-processor api-server log-server; do
    if alive "$part"; then kill "$(cat "$(pid_file "$part")")" 2>/dev/null || true; fi
  done
  for _ in $(seq 40); do
    for part in $PARTS; do if alive "$part"; then sleep 0.5; continue 2; fi; done
    break
  done
  # shellcheck disable=SC2046
  kill -KILL $(processes) 2>/dev/null || true
  # Workers of a killed scheduler are found by their session, because their changed process titles hide the environment.
  for part in $(cat "$AIRFLOW_HOME/run/sessions" 2>/dev/null); do pkill -KILL -s "$part" -f airflow || true; done
  rm -f "$AIRFLOW_HOME/run/sessions"
  for part in $PARTS; do rm -f "$(pid_file "$part")"; done
  say "down"
}

backfill() {
  [ $# -ge 3 ] || die "usage: tools/airflow.sh backfill NAME FIRST_SPAN LAST_SPAN [OPTIONS]"
  local dag=poseline_$1 first last
  first=$(date -u -d "1970-01-01 + $2 days" +%F); last=$(date -u -d "1970-01-01 + $3 days" +%F); shift 3
  settings
  say "days that stand for the spans (counted from 1970-01-01): $first to $last"
  airflow backfill create --dag-id "$dag" --from-date "$first" --to-date "$last" --max-active-runs 1 "$@"
}

command=${1:-start}
[ $# -eq 0 ] || shift
case "$command" in
  setup) setup ;;
  start) start "$@" ;;
  stop) settings; stop ;;
  cli) settings; exec airflow "$@" ;;
  backfill) backfill "$@" ;;
  *) die "there is no command $command" "the commands are: setup start stop cli backfill" ;;
esac
