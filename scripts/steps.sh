# shellcheck shell=bash
# Sourced by the scripts: runs long steps with their output in a log, shows the progress, and prints the end
# of the log when one fails. The progress is one line that changes on a terminal, and a line each 20 s
# elsewhere.

steps_started=$SECONDS
steps_tty=0
[[ -t 1 ]] && steps_tty=1

say() { printf '[%3d s] %s\n' "$((SECONDS - steps_started))" "$*"; }

# step TITLE LOG COMMAND...: true when the command succeeded.
step() {
  local title=$1 log=$2 begun=$SECONDS pid rc=0 last="" said=0
  shift 2
  mkdir -p "$(dirname "$log")"
  : >"$log"
  ((steps_tty)) || say "$title ..."
  setsid "$@" >"$log" 2>&1 </dev/null &   # a process group, so that one signal ends all its processes
  pid=$!
  steps_child=$pid
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    last=$(tail -c 400 "$log" | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 || true)
    last=$(tr -cd '[:print:]' <<<"$last")
    if ((steps_tty)); then
      printf '\r\033[K[%3d s] %s ... %s' "$((SECONDS - steps_started))" "$title" "${last:0:60}"
    elif ((SECONDS - begun - said >= 20)); then
      said=$((SECONDS - begun))
      say "$title ... ${last:0:90}"
    fi
  done
  wait "$pid" || rc=$?
  steps_child=
  ((steps_tty)) && printf '\r\033[K'
  if ((rc == 0)); then
    say "$title: done in $((SECONDS - begun)) s"
  else
    say "$title: FAILED ($rc) after $((SECONDS - begun)) s. The end of $log:"
    tail -n 30 "$log" | sed 's/^/    /'
  fi
  return "$rc"
}

# An interrupted script also ends the running step.
steps_child=
trap '[[ -z $steps_child ]] || kill -- "-$steps_child" 2>/dev/null' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
