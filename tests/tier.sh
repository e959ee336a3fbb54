#!/usr/bin/env bash
# Runs tiers of the tests, and says how long they took. TIERS names the file that keeps their seconds.
#
#   TIERS=FILE tier.sh NAME BUDGET COMMAND...   runs the command and ends as it does; BUDGET is its seconds on two quiet cores
#   TIERS=FILE tier.sh                          prints all that FILE has, and the sum
#
# A tier that is over its budget fails nothing: a busy machine says nothing about the code.
set -euo pipefail
notes=${TIERS:?names the file that keeps the seconds}

if [ $# -gt 0 ]; then
    name=$1 budget=$2
    shift 2
    began=$SECONDS code=0
    "$@" || code=$?
    mkdir -p "$(dirname "$notes")"
    printf '%s\t%d\t%d\n' "$name" "$((SECONDS - began))" "$budget" >>"$notes"
    exit "$code"
fi
awk -F '\t' '
    function row(name, seconds, budget) { printf "%-24s %8s %8s%s\n", name, seconds, budget, (seconds + 0 > budget + 0) ? "  over" : "" }
    BEGIN { row("tier", "seconds", "budget") }
    { row($1, $2, $3); sum += $2; allowed += $3 }
    END { row("sum", sum, allowed) }' "$notes"
