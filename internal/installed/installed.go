// Package installed looks at what is on disk now: pack directories, config
// files, and the fingerprint index that makes looking cheap.
//
// It is not for judging what it sees (package plan) and it changes nothing but
// its own index. Cannot read is an error, never "not there".
package installed

import (
	"io/fs"

	"github.com/packsync/packsync/internal/pack"
)

// Observed is what one look at the disk found.
type Observed struct {
	Packs   map[pack.Addr]Pack
	Configs map[pack.Ref]Config // of the refs that were asked for; a missing file has no entry
	// MissingBasePaths lists base paths (by name) whose directory is not there.
	MissingBasePaths []string
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
	Files   []File
	Modes   ModeProfile // profile that all files and directories fit; "" if none fits
	Odd     []string    // paths whose mode or owner does not fit the expected profile, at most 20
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
	Path  string
	Bytes []byte // holds secrets: never print
	Mode  fs.FileMode
}
