package st2test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// script stands in for st2-register-content (reference.md 4.1; recordings
// cli-*): it logs its arguments, counts files, and fails as the real one does on
// a pack that is not there, a pack without actions/, and a config that holds the
// word BROKEN.
const script = `#!/bin/sh
# A stand-in for StackStorm's st2-register-content.
configs='@CONFIGS@'
for arg in "$@"; do printf '%s\n' "$arg"; done >>'@LOG@'
echo -- >>'@LOG@'

pack= all= kinds=
while [ $# -gt 0 ]; do
    case $1 in
    --config-file) shift ;;
    --register-pack) pack=$2; shift ;;
    --register-all) all=yes; kinds="triggers sensors actions rules aliases policies configs" ;;
    --register-runners|--register-no-fail-on-failure|--register-fail-on-failure) ;;
    --register-*) kinds="$kinds ${1#--register-}" ;;
    reload|--verbose) ;;
    *) echo "st2-register-content: error: unrecognized arguments: $1" >&2; exit 2 ;;
    esac
    shift
done

fail() {
    printf 'Traceback (most recent call last):\n%s\n' "$1" >&2
    exit 1
}

if [ -n "$pack" ] && [ ! -d "$pack" ]; then
    fail "ValueError: Directory \"$pack\" doesn't exist"
fi
name=$(basename "$pack")
for kind in $kinds; do
    count=0
    case $kind in
    configs)
        file=$configs/$name.yaml
        if [ -f "$file" ]; then
            if grep -q BROKEN "$file"; then
                fail "ValueError: Failed to register config \"$file\" for pack \"$name\": Failed validating attribute \"port\" in config for pack \"$name\" ($file): 'BROKEN' is not of type 'integer'

Failed validating 'type' in schema['properties']['port']:
    {'type': 'integer', 'default': 8080}

On instance['port']:
    'BROKEN'"
            fi
            count=1
        fi
        ;;
    *)
        if [ -n "$pack" ] && [ "$kind" = actions ] && [ ! -d "$pack/actions" ]; then
            fail "TypeError: cannot unpack non-iterable int object"
        fi
        for file in "$pack/$kind"/*.yaml "$pack/$kind"/*.yml; do
            [ -f "$file" ] || continue
            if grep -q 'a: b: c' "$file"; then
                fail "ValueError: Failed to register ${kind%s} \"$file\" from pack \"$name\": mapping values are not allowed in this context
  in \"$file\", line 3, column 14"
            fi
            count=$((count + 1))
        done
        ;;
    esac
    echo "2026-11-23 17:45:06,293 INFO [-] Registered $count $kind." >&2
done
`

// WriteCommand writes the stand-in for st2-register-content to
// dir/st2-register-content and returns its path. Each call of it appends its
// arguments to log, one a line, and a line "--".
func WriteCommand(dir, configsDir, log string) (path string, err error) {
	path = filepath.Join(dir, "st2-register-content")
	text := strings.NewReplacer("@CONFIGS@", configsDir, "@LOG@", log).Replace(script)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		return "", fmt.Errorf("write the stand-in for st2-register-content: %w", err)
	}
	return path, nil
}
