package resolve

import (
	"fmt"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

// JudgeHost warns where a pack says that it is not made for a StackStorm: its
// version, X.Y.Z, or "" if that is not known, and Python 3, which every StackStorm
// since 3.4 runs on. StackStorm itself refuses such a pack when it is installed
// without force (reference.md 1.4), and not when it is registered: so does this
// warn, and not block. What stackstorm_version is not in StackStorm's form says
// nothing that could be judged.
func JudgeHost(meta content.Meta, stackstorm string) []pack.Finding {
	var findings []pack.Finding
	warn := func(id, key, format string, args ...any) {
		findings = append(findings, pack.Finding{
			ID: id, Severity: pack.Warning, Resource: content.MetaFile + " " + key, Message: fmt.Sprintf(format, args...),
		})
	}
	wanted := strings.TrimSpace(meta.StackStormVersion)
	if fits, judged := fitsStackStorm(wanted, stackstorm); judged && !fits {
		warn("PS-ST2-VERSION", "stackstorm_version", "the pack is made for StackStorm %s, and this is %s: StackStorm would install it only with force",
			printable(wanted), stackstorm)
	}
	if len(meta.PythonVersions) > 0 && !madeForPython3(meta.PythonVersions) {
		warn("PS-PYTHON-VERSION", "python_versions", "the pack is made for Python %s only, and StackStorm runs it with Python 3",
			printable(strings.Join(meta.PythonVersions, ", ")))
	}
	return findings
}

func madeForPython3(versions []string) bool {
	for _, version := range versions {
		// StackStorm refuses nothing but exactly "2".
		if !strings.HasPrefix(version, "2") {
			return true
		}
	}
	return false
}

// fitsStackStorm compares as StackStorm does at download: parts between commas,
// all of which must hold, without blanks after the operator; empty parts count for
// nothing.
func fitsStackStorm(wanted, version string) (fits, judged bool) {
	if wanted == "" || wanted == "all" || version == "" {
		return false, false
	}
	var parts []string
	for part := range strings.SplitSeq(wanted, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, strings.Replace(part, "==", "=", 1))
		}
	}
	constraint, err := pack.ParseConstraint(strings.Join(parts, ", "))
	if err != nil {
		return false, false
	}
	return constraint.Matches(version), true
}
