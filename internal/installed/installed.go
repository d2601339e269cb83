// Package installed looks at what is on disk now: pack directories, config
// files, and the fingerprint index that makes looking cheap.
//
// It is not for judging what it sees (package plan) and it changes nothing but
// its own index. Cannot read is an error, never "not there".
package installed

import (
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/pack"
)

// Observed is what one look at the disk found.
type Observed struct {
	Packs   map[pack.Addr]Pack
	Configs map[pack.Ref]Config // of the refs that were asked for; a missing file has no entry
	// MissingBasePaths lists base paths (by name) whose directory is not there.
	MissingBasePaths []string

	at map[string]pack.Addr // of each pack, by its directory

	// For WriteIndex.
	began    time.Time  // before the first look
	imprints []*imprint // of all packs that are no links
	index    index      // the one that was used
	indexed  bool       // it says all this already
}

// At returns the pack whose directory is dir.
func (o *Observed) At(dir string) (Pack, bool) {
	addr, there := o.at[dir]
	return o.Packs[addr], there
}

// Pack is one directory below a base path. Directories whose name is no pack ref
// and hidden ones are left out.
type Pack struct {
	Addr    pack.Addr
	Dir     string // absolute
	Link    bool   // the directory is a symbolic link: nothing else is known then
	Version string // from pack.yaml; "" if it has none or cannot be parsed

	// The rest is filled in only for the packs that were asked for in full.
	Full    bool
	Content pack.TreeHash // t1 with every x written as f
	Tree    pack.TreeHash // t1
	Modes   ModeProfile   // profile that all files and directories fit; "" if none fits
	// Odd lists the files and directories ("." for the pack's own) whose mode does
	// not fit the profile that fits best, or whose owner is not that of the pack's
	// directory and the group asked for. Sorted, at most 20.
	Odd []string

	imprint *imprint // for Files
}

// Files lists the files of a pack that was asked for in full, sorted by path. It
// is made on demand: of a pack that is as it should be nobody asks for it.
func (p Pack) Files() []File {
	if !p.Full || p.imprint == nil {
		return nil
	}
	files := make([]File, len(p.imprint.files))
	for i := range files {
		f := &p.imprint.files[i]
		files[i] = File{Path: f.path, Mode: f.fileMode(), Size: f.size, Sum: p.imprint.sums[i]}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// ModeProfile names a set of modes (design.md 4).
type ModeProfile string

// The known profiles.
const (
	ModesPacksync      ModeProfile = "packsync"       // directories 0755, files 0644 or 0755
	ModesGroupWritable ModeProfile = "group-writable" // 0775, 0664 or 0775
	ModesST2           ModeProfile = "st2"            // 0775 everywhere
)

// File is one file of an installed pack.
type File struct {
	Path string
	Mode fs.FileMode
	Size int64
	Sum  [32]byte // SHA-256 of the content, or of a link's target
}

// Config is a config file that is on disk.
type Config struct {
	Path     string
	Bytes    []byte // holds secrets: never print
	Mode     fs.FileMode
	UID, GID int
}

// Request says what to look at.
type Request struct {
	BasePaths  []BasePath         // each is listed
	Full       map[pack.Addr]bool // packs to look at file by file: the managed and the wanted ones
	ConfigsDir string             // holds the config files REF.yaml of Configs
	Configs    []pack.Ref
	GID        int    // group that the files of packs should have; -1 for any
	Index      string // path of the fingerprint index; "" hashes every file
	Ahead      *Ahead // a look at what that index knows which has begun before; may be nil
	Parallel   int    // packs or files looked at at once; 0 for one a processor
}

// BasePath is a directory that StackStorm searches for packs.
type BasePath struct {
	Name string
	Path string // absolute
}
