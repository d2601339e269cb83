package config

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// ProbableRoot guesses the root of the StackStorm that a declaration is for,
// without parsing it; "" if there is no guess. It is for looking at the disk
// while HCL is being parsed, and for nothing else: whoever looks there throws
// away what he saw when the parsed root is another.
func ProbableRoot(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	// The stackstorm block stands at the beginning, as a rule.
	head, err := io.ReadAll(io.LimitReader(f, 16<<10))
	if err != nil {
		return "" // a directory of files, or what Load will explain
	}
	m := regexp.MustCompile(`(?m)^\s*root\s*=\s*"(/[^"$%\\]*)"`).FindSubmatch(head)
	if m == nil {
		return defaultRoot
	}
	return filepath.Clean(string(m[1]))
}
