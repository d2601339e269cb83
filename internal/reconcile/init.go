package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// Host is where Init looks for a StackStorm.
type Host struct {
	Root string   // as StackStorm's packages have it: /opt/stackstorm
	Path []string // directories in which commands are looked for
}

// Begun is what Init found and wrote.
type Begun struct {
	File    string `json:"file"`
	Root    string `json:"root"`    // "" if there is no StackStorm here
	Command string `json:"command"` // that registers; "" if there is none
	Packs   int    `json:"packs"`   // that are installed and could be imported
}

// Init writes a small declaration to begin with, and nothing else. It is never
// written over anything.
func Init(opts Options, host Host) (*Begun, error) {
	b := &Begun{File: opts.Config.File}
	if info, err := os.Stat(b.File); err == nil && info.IsDir() {
		if found, err := filepath.Glob(filepath.Join(b.File, "*.hcl")); err == nil && len(found) > 0 {
			return nil, fmt.Errorf("%s is a declaration already: it has %s", b.File, filepath.Base(found[0]))
		}
		b.File = filepath.Join(b.File, "packs.hcl")
	}
	switch _, err := os.Lstat(b.File); {
	case err == nil:
		return nil, fmt.Errorf("%s is there already, and nothing was written: packsync add puts packs into it", b.File)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("look for a declaration: %w", err)
	}
	b.look(host)
	disk := opts.Disk
	if disk == nil {
		disk = safefs.OS()
	}
	if err := disk.WriteFile(b.File, []byte(b.text(host)), safefs.Owner{Mode: 0o644, UID: -1, GID: -1}); err != nil {
		return nil, fmt.Errorf("write the declaration: %w", err)
	}
	return b, nil
}

// look finds out what there is on this host.
func (b *Begun) look(host Host) {
	if info, err := os.Stat(host.Root); err == nil && info.IsDir() {
		b.Root = host.Root
	}
	for _, dir := range append(host.Path, filepath.Join(host.Root, "st2", "bin")) {
		path := filepath.Join(dir, "st2-register-content")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			b.Command = path
			break
		}
	}
	entries, err := os.ReadDir(filepath.Join(host.Root, "packs"))
	if err != nil {
		return // then there is nothing to import that anybody knows of
	}
	for _, e := range entries {
		if _, err := pack.ParseRef(e.Name()); err == nil && e.IsDir() {
			b.Packs++
		}
	}
}

// text is the declaration: what is known, and what may be needed next as comments.
func (b *Begun) text(host Host) string {
	var out strings.Builder
	out.WriteString("# The packs of this StackStorm host. packsync plan shows what would change, packsync apply\n" +
		"# changes it. Commit this file and packs.lock.json.\n\nstackstorm {\n")
	if b.Root == "" {
		out.WriteString("  # This is the default, and was not there where this file was written.\n")
	}
	fmt.Fprintf(&out, "  root = %q\n\n", host.Root)
	if b.Command != "" {
		out.WriteString("  # StackStorm is told what changed with st2-register-content, which needs no login. The API is\n" +
			"  # faster, and removes what an update leaves behind: registration \"api\" { url = \"…\" }.\n  registration \"command\" {}\n")
	} else {
		out.WriteString("  # Without a registration StackStorm is told nothing. One of:\n  # registration \"command\" {} # st2-register-content\n" +
			"  # registration \"api\" {\n  #   url     = \"https://st2.example.com/api\"\n  #   api_key = var.st2_api_key\n  # }\n")
	}
	out.WriteString("}\n\n# Where the name of a pack without a source is looked up: packsync search WORD.\n" +
		"index \"exchange\" {\n  url = \"https://index.stackstorm.org/v1/index.json\"\n}\n\n" +
		"# packsync add jira writes a block such as this one:\n#\n# pack \"jira\" {\n#   version = \"~> 3.3\"\n# }\n")
	return out.String()
}
