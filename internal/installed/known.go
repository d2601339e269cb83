package installed

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/content"
)

// holds reports whether the pack on disk still is what the fingerprints say.
// Every directory and file that is known is looked at; that nothing was added
// follows from the directories' own times. What cannot be looked at does not
// hold: the full look then says why.
//
// The change time counts, not only the modification time, which anybody can set
// back.
func (p *imprint) holds() bool {
	if !p.full {
		return p.holdsMeta()
	}
	root, err := openDir(unix.AT_FDCWD, p.dir)
	if err != nil {
		return false
	}
	same := p.holdsBelow(root)
	return unix.Close(root) == nil && same
}

// holdsMeta is about a pack of which only pack.yaml is known.
func (p *imprint) holdsMeta() bool {
	var st unix.Stat_t
	err := unix.Lstat(p.dir+"/"+content.MetaFile, &st)
	if len(p.files) == 0 {
		return errors.Is(err, unix.ENOENT)
	}
	return err == nil && nodeOf(content.MetaFile, &st) == p.files[0]
}

func (p *imprint) holdsBelow(root int) bool {
	var st unix.Stat_t
	for i := range p.dirs {
		d := &p.dirs[i]
		fd := root
		if i > 0 {
			var err error
			if fd, err = openDir(root, d.path); err != nil {
				return false
			}
		}
		same := unix.Fstat(fd, &st) == nil && uint64(st.Dev) == p.dev && nodeOf(d.path, &st) == d.node && p.holdsFiles(fd, d)
		if i > 0 && unix.Close(fd) != nil || !same {
			return false
		}
	}
	return true
}

func (p *imprint) holdsFiles(dir int, d *dirNode) bool {
	var st unix.Stat_t
	for i := d.first; i < d.end; i++ {
		f := &p.files[i]
		if unix.Fstatat(dir, f.name(), &st, unix.AT_SYMLINK_NOFOLLOW) != nil || nodeOf(f.path, &st) != *f {
			return false
		}
	}
	return true
}

// settled reports whether every fingerprint is older than a moment: a file that
// changed later could have changed once more without a trace (git's "racy"
// rule).
func (p *imprint) settled(before int64) bool {
	settled := true
	p.each(func(n *node) { settled = settled && n.ctime < before })
	return settled
}
