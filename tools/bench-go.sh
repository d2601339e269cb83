#!/usr/bin/env bash
# Compares the Go benchmarks of the inner loops between a base revision and the
# work tree, with benchstat: tools/bench-go.sh BASE COUNT BENCHTIME REGEXP.
# Both are built first and then run in turn, so that a machine that gets busier
# or warmer meets both alike.
set -euo pipefail
base=$1 count=$2 benchtime=$3 pattern=$4
go=${GO:-go}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$work/base" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

base=$(git -C "$root" rev-parse --verify --quiet "$base^{commit}") || { echo "bench-go: BASE is no revision of this repository" >&2; exit 1; }
git -C "$root" worktree add --quiet --detach "$work/base" "$base"
ln -s "$root" "$work/head"

# The shared folder is found beside the repository, which the base is not.
export PACKSYNC_SHARED=${PACKSYNC_SHARED:-$root/../shared}

for side in base head; do
	mkdir "$work/$side.bin"
	(cd "$work/$side/" && grep -rl --include='*_test.go' '^func Benchmark' cmd internal | xargs -n1 dirname | sort -u) >"$work/$side.packages"
	while read -r pkg; do
		echo "building $side $pkg" >&2
		(cd "$work/$side/" && "$go" test -c -o "$work/$side.bin/${pkg//\//_}" "./$pkg")
	done <"$work/$side.packages"
done
for round in $(seq "$count"); do
	for side in base head; do
		echo "round $round of $count: $side" >&2
		while read -r pkg; do
			(cd "$work/$side/$pkg" && "$work/$side.bin/${pkg//\//_}" -test.run '^$' -test.bench "$pattern" -test.benchmem -test.benchtime "$benchtime") >>"$work/$side.txt"
		done <"$work/$side.packages"
	done
done
cd "$root" && "$go" tool -modfile=tools/go.mod benchstat "base=$work/base.txt" "head=$work/head.txt"
