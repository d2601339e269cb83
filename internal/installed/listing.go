package installed

import (
	"errors"
	"io/fs"
	"os"
)

// Listing knows which names a directory holds, so that of a thousand files that
// may be there and are not, not each has to be asked for.
type Listing struct {
	names map[string]bool
	blind bool // the directory could not be listed: any name may be there
}

// List lists a directory. One that is not there holds nothing; of one that cannot
// be listed every name is to be asked for, and that tells what is wrong.
func List(dir string) Listing {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Listing{}
	}
	if err != nil {
		return Listing{blind: true}
	}
	names, err := f.Readdirnames(-1)
	if errors.Join(err, f.Close()) != nil {
		return Listing{blind: true}
	}
	l := Listing{names: make(map[string]bool, len(names))}
	for _, name := range names {
		l.names[name] = true
	}
	return l
}

// May reports whether there may be something of this name.
func (l Listing) May(name string) bool { return l.blind || l.names[name] }
