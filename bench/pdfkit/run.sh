#!/usr/bin/env bash
# Documents per second: ours beside pdfkit with the same fonts embedded and with built-in Helvetica,
# in turns and on one core, and the ratios of the medians. Where npm cannot be reached, ours alone.
set -euo pipefail
cd "$(dirname "$0")"

daybook=${1:-../../target/release/daybook}
rounds=3
one_core=()
command -v taskset >/dev/null && one_core=(taskset -c 0)

ours() { "${one_core[@]}" "$daybook" --output json bench --documents | sed -n 's/.*"per_second": *\([0-9]*\).*/\1/p'; }
theirs() { "${one_core[@]}" node bench.js "$1" 3 | sed -n 's/.*"per_second": *\([0-9]*\).*/\1/p'; }
median() { sort -n | sed -n "$((rounds / 2 + 1))p"; }
ratio() { echo "$(($1 * 10 / $2))" | sed 's/\(.\)$/.\1/; s/^\./0./'; }

if ! command -v npm >/dev/null || ! npm ci --silent --no-audit --no-fund >/dev/null 2>&1; then
    echo "Documents: $(ours) a second on one core. npm cannot be reached, so pdfkit is not measured."
    exit 0
fi
ours= embedded= builtin=
for _ in $(seq $rounds); do
    ours+="$(ours) "
    embedded+="$(theirs embedded) "
    builtin+="$(theirs builtin) "
done
ours=$(tr ' ' '\n' <<<"${ours% }" | median)
embedded=$(tr ' ' '\n' <<<"${embedded% }" | median)
builtin=$(tr ' ' '\n' <<<"${builtin% }" | median)
echo "Documents a second on one core, the same page, median of $rounds:"
echo "  daybook, embedded Unicode fonts: $ours"
echo "  pdfkit, the same fonts embedded: $embedded; ours to it: $(ratio "$ours" "$embedded")"
echo "  pdfkit, built-in Helvetica:      $builtin; ours to it: $(ratio "$ours" "$builtin")"
