#!/bin/sh
# Compares, writes the comment on the pull request or writes it again, and exits as
# packsync diff does. Posting is the business of gh, GitHub's own tool.
#
# BASE, CHDIR, FAIL_ON   what to compare, and when to fail
# REPOSITORY, NUMBER     the pull request; without a number nothing is posted
# GH_TOKEN               for gh
# COMMENT                a file for the comment
set -u

packsync --chdir "$CHDIR" diff "$BASE" --format markdown ${FAIL_ON:+--fail-on "$FAIL_ON"} > "$COMMENT"
code=$?
if ! [ -s "$COMMENT" ]; then
	exit "$code" # what is wrong stands in the log
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
	cat "$COMMENT" >> "$GITHUB_STEP_SUMMARY"
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
	sed -n 's/^Desired digest: `\(.*\)`$/digest=\1/p' "$COMMENT" >> "$GITHUB_OUTPUT"
fi
if [ -z "${NUMBER:-}" ]; then
	exit "$code"
fi

marker='<!-- packsync diff -->'
id=$(gh api --paginate "repos/$REPOSITORY/issues/$NUMBER/comments" \
	--jq ".[] | select(.body | startswith(\"$marker\")) | .id" | head -n 1) || id=
if [ -n "$id" ]; then
	gh api --silent --method PATCH "repos/$REPOSITORY/issues/comments/$id" --field "body=@$COMMENT"
else
	gh api --silent --method POST "repos/$REPOSITORY/issues/$NUMBER/comments" --field "body=@$COMMENT"
fi || echo "packsync: the comment could not be written (a fork has no right to); it stands in the summary of this run" >&2
exit "$code"
