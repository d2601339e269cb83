package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/packsync/packsync/internal/diag"
)

// Mode tells what a run needs to know.
type Mode int

const (
	// Full is for plan and apply: every value that is used must be known.
	Full Mode = iota
	// Partial is for validate, lock and update: a variable without a value is
	// unknown. It may flow into config, credentials, registration and host paths,
	// whose fields then stay empty; in source, selector, ref and for_each it is
	// an error.
	Partial
)

// Request says what to read, and with which values.
type Request struct {
	// File is the absolute path of the declaration: a file, or a directory of
	// which all *.hcl merge in the order of their names.
	File     string
	Vars     []string // of --var: name=value, in order
	VarFiles []string // of --var-file: absolute paths, in order
	Environ  []string // the process environment, for PACKSYNC_VAR_name
	Mode     Mode
	Version  string // of packsync, for required_version; one that is not X.Y.Z is a development build and satisfies any
	// ReadFile reads files that are named by absolute path or lie outside the
	// declaration's directory; nil means from disk.
	ReadFile func(path string) ([]byte, error)
	// Run runs the command of a variable and returns what it prints; the error is a
	// *CommandError if it can be. It may be called from several goroutines, and is
	// called in the Full mode only. Without it there are no such values.
	Run func(Command) ([]byte, error)
}

// maxFileSize bounds every file that is read: declarations, var files, files of
// variables and config files.
const maxFileSize = 1 << 20

// Load reads the declaration that req names from disk, each file once. The list
// holds every mistake and every warning in the order of their places; if there is
// an error in it, the Config is nil. The files are those that the list points
// into, for their snippets.
func Load(req Request) (*Config, map[string]*hcl.File, diag.List) {
	info, err := os.Stat(req.File)
	if err != nil {
		return nil, nil, diag.List{unreadableDeclaration(req.File, err)}
	}
	dir := req.File
	if !info.IsDir() {
		dir = filepath.Dir(req.File)
	}
	// The functions file and templatefile must not leave the directory, not even
	// through a link; the declaration itself may be a link to anywhere.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, diag.List{unreadableDeclaration(req.File, err)}
	}
	defer root.Close()
	l := newLoader(os.DirFS(dir), root.FS(), dir, req)
	return l.load()
}

// LoadFS is Load for a declaration that lies in a file system such as a git tree.
// fsys is the declaration's directory and dir the absolute path that it stands
// for. Files below dir are read from fsys.
func LoadFS(fsys fs.FS, dir string, req Request) (*Config, map[string]*hcl.File, diag.List) {
	return newLoader(fsys, fsys, dir, req).load()
}

func unreadableDeclaration(path string, err error) *diag.Diagnostic {
	if errors.Is(err, fs.ErrNotExist) {
		return diag.Error(diag.Range{}, "No declaration found",
			fmt.Sprintf("There is no file %s. packsync looks for packs.hcl in the current directory; name another directory with --chdir, or the file itself with --file. To begin one, run packsync init.", path))
	}
	return diag.Error(diag.Range{}, "Unreadable declaration", fmt.Sprintf("Cannot read %s: %s.", path, cause(err)))
}

// loader reads one declaration. Its fields fill up in the order of load.
type loader struct {
	req      Request
	dir      string // absolute
	fsys     fs.FS  // the declaration's directory
	confined fs.FS  // the same, for functions: nothing outside of it can be reached

	diags  diag.List
	files  map[string]*hcl.File
	inputs []Input // declaration and var files, in the order read
	named  map[string]Input

	blocks map[string][]*hclsyntax.Block // well-formed ones, by type, in order
	vars   map[string]*variable
	used   map[string]diag.Range // variables that an expression refers to, and where first
	locals map[string]*local
	funcs  map[string]function.Function
	scope  scope

	cfg    Config
	conf   st2Conf
	places map[string]diag.Range // where what must be unique was declared first
	groups map[string][]int      // depends_on names: indexes into cfg.Packs
}

func newLoader(fsys, confined fs.FS, dir string, req Request) *loader {
	if req.ReadFile == nil {
		req.ReadFile = ReadHost
	}
	return &loader{
		req: req, dir: dir, fsys: fsys, confined: confined,
		files: map[string]*hcl.File{}, named: map[string]Input{}, blocks: map[string][]*hclsyntax.Block{},
		vars: map[string]*variable{}, used: map[string]diag.Range{}, locals: map[string]*local{},
		places: map[string]diag.Range{}, groups: map[string][]int{},
	}
}

func (l *loader) load() (*Config, map[string]*hcl.File, diag.List) {
	bodies := l.parseDeclaration()
	given := l.givenValues()
	broken := l.diags.HasErrors()
	if tooOld := l.checkVersion(bodies); tooOld != nil {
		return nil, l.files, diag.List{tooOld}
	}
	if broken { // everything that follows would be guesswork
		return l.finish()
	}
	l.collect(bodies)
	l.declareVariables()
	l.resolveVariables(given)
	l.resolveLocals()
	l.decodeIdentity()
	l.decodeAutoApprove()
	l.decodeHost()
	l.decodeNetwork()
	l.decodeRewrites()
	l.decodeCredentials()
	l.decodePacks()
	l.decodeAccepts()
	l.checkDirectories()
	return l.finish()
}

// finish sorts what was found; with an error there is no Config.
func (l *loader) finish() (*Config, map[string]*hcl.File, diag.List) {
	slices.SortStableFunc(l.diags, byPlace)
	l.diags = slices.CompactFunc(l.diags, func(a, b *diag.Diagnostic) bool {
		return byPlace(a, b) == 0 && a.Severity == b.Severity && a.Summary == b.Summary && a.Detail == b.Detail
	})
	if l.diags.HasErrors() {
		return nil, l.files, l.diags
	}
	l.cfg.Dir = l.dir
	l.cfg.SecretEnv = l.secretEnvironment()
	l.cfg.Variables = make(map[string]bool, len(l.vars))
	for name, v := range l.vars {
		l.cfg.Variables[name] = v.sensitive
	}
	l.cfg.Inputs = l.inputs
	names := make([]string, 0, len(l.named))
	for name := range l.named {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		l.cfg.Inputs = append(l.cfg.Inputs, l.named[name])
	}
	return &l.cfg, l.files, l.diags
}

// byPlace orders by file and position; what has no place comes last.
func byPlace(a, b *diag.Diagnostic) int {
	switch {
	case a.Subject == nil && b.Subject == nil:
		return 0
	case a.Subject == nil:
		return 1
	case b.Subject == nil:
		return -1
	}
	return cmp.Or(strings.Compare(a.Subject.Filename, b.Subject.Filename), cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte),
		cmp.Compare(a.Subject.End.Byte, b.Subject.End.Byte), strings.Compare(a.Summary, b.Summary), strings.Compare(a.Detail, b.Detail))
}

func (l *loader) error(at diag.Range, summary, format string, args ...any) {
	l.diags = append(l.diags, diag.Error(at, summary, fmt.Sprintf(format, args...)))
}

func (l *loader) warn(at diag.Range, summary, format string, args ...any) {
	l.diags = append(l.diags, diag.Warning(at, summary, fmt.Sprintf(format, args...)))
}

// once reports a second declaration of the same thing, naming the first place.
func (l *loader) once(kind, name string, at diag.Range) bool {
	key := kind + " " + name
	if first, twice := l.places[key]; twice {
		l.error(at, "Declared twice", "%s is already declared at %s. Remove one of the two.", capital(strings.TrimSpace(kind+" "+quoted(name))), place(first))
		return false
	}
	l.places[key] = at
	return true
}

func quoted(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("%q", name)
}
