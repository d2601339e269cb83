package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/pyyaml"
	"github.com/packsync/packsync/internal/st2"
)

// explain adds what packsync itself finds wrong with a pack to a failure of which
// StackStorm hides the reason: its answer is 500 for an invalid config, whatever
// is wrong with it (server-behaviour.md 2).
func (a *Applier) explain(err error, ref pack.Ref, dir string) error {
	var e *st2.Error
	if !errors.As(err, &e) || !e.Unexplained {
		return err
	}
	reasons := reasonsOf(dir, filepath.Join(a.Layout.ConfigsDir, string(ref)+".yaml"))
	if len(reasons) == 0 {
		return err
	}
	const most = 5
	if more := len(reasons) - most; more > 0 {
		reasons = append(reasons[:most], fmt.Sprintf("and %d more", more))
	}
	told := *e
	told.Hint = "it gives no reason; packsync finds:\n  " + strings.Join(reasons, "\n  ")
	return &told
}

// reasonsOf lists why StackStorm refuses a pack on disk, with file and line where
// there is a line. No value of the config is in it.
func reasonsOf(dir, configFile string) (reasons []string) {
	inv, err := content.Read(os.DirFS(dir))
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", dir, err)}
	}
	for _, f := range append(inv.Meta.Findings, content.Refused(inv.Findings)...) {
		if f.ID == "PS-YAML-DUPLICATE-KEY" {
			continue
		}
		place := dir
		if len(f.At) > 0 {
			place = filepath.Join(dir, f.At[0])
		}
		reasons = append(reasons, place+": "+f.Message)
	}
	return append(reasons, configReasons(filepath.Join(dir, content.ConfigSchemaFile), configFile)...)
}

func configReasons(schemaFile, configFile string) (reasons []string) {
	schemaBytes, err := os.ReadFile(schemaFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []string{err.Error()}
	}
	schema, problems := packconfig.ParseSchema(schemaBytes)
	for _, p := range problems {
		if p.Severity == pack.Blocked {
			reasons = append(reasons, fmt.Sprintf("%s:%d: %s", schemaFile, p.Line, p))
		}
	}
	config, err := os.ReadFile(configFile)
	if schema == nil || errors.Is(err, fs.ErrNotExist) {
		return reasons
	}
	if err != nil {
		return append(reasons, err.Error())
	}
	doc, err := pyyaml.Unmarshal(config)
	var syntax *pyyaml.SyntaxError
	switch {
	case errors.As(err, &syntax): // its text may quote the file
		return append(reasons, fmt.Sprintf("%s:%d: it is not YAML that StackStorm can read", configFile, syntax.Line))
	case err != nil:
		return append(reasons, configFile+": it is not YAML that StackStorm can read")
	}
	for _, p := range schema.Validate(doc.Root.Value()) {
		if p.Severity != pack.Blocked {
			continue
		}
		place := configFile
		if line := lineOf(doc.Root, p.Path); line > 0 {
			place = fmt.Sprintf("%s:%d", configFile, line)
		}
		reasons = append(reasons, place+": "+p.String())
	}
	return reasons
}

// lineOf finds the line of a key, or of the nearest one above it that is there.
func lineOf(root *pyyaml.Node, path string) int {
	steps := strings.Split(path, ".")
	for ; len(steps) > 0; steps = steps[:len(steps)-1] {
		if node := root.Lookup(steps...); node != nil {
			return node.Line
		}
	}
	return 0
}
