package installed

import (
	"slices"

	"golang.org/x/sys/unix"
)

// modes is one profile: the permissions of directories, files and executable
// files.
type modes struct {
	name            ModeProfile
	dir, file, exec uint32
}

// profiles are the known ones, the one to prefer first: what fits st2 fits
// group-writable too.
func profiles() [3]modes {
	return [3]modes{
		{ModesPacksync, 0o755, 0o644, 0o755},
		{ModesST2, 0o775, 0o775, 0o775},
		{ModesGroupWritable, 0o775, 0o664, 0o775},
	}
}

// fit reports whether a file or directory has the modes of the profile. The mode
// of a link means nothing.
func (m modes) fit(n *node) bool {
	switch perm := n.mode & 0o7777; n.kind() {
	case unix.S_IFDIR:
		return perm == m.dir
	case unix.S_IFLNK:
		return true
	default:
		return perm == m.file || perm == m.exec
	}
}

// maxOdd is how many odd paths are named.
const maxOdd = 20

// judgeModes returns the profile that everything fits ("" if none), and what is
// odd (see Pack.Odd). gid is the group to expect, -1 for any.
func (p *imprint) judgeModes(gid int) (ModeProfile, []string) {
	var misfits [3]int
	known := profiles()
	p.each(func(n *node) {
		for i := range known {
			if !known[i].fit(n) {
				misfits[i]++
			}
		}
	})
	best := 0
	for i := range misfits {
		if misfits[i] < misfits[best] {
			best = i
		}
	}
	var odd []string
	uid := p.dirs[0].uid
	p.each(func(n *node) {
		if known[best].fit(n) && n.uid == uid && (gid == -1 || int(n.gid) == gid) {
			return
		}
		if n.path == "" {
			odd = append(odd, ".")
		} else {
			odd = append(odd, n.path)
		}
	})
	slices.Sort(odd)
	odd = odd[:min(len(odd), maxOdd)]
	if misfits[best] > 0 {
		return "", odd
	}
	return known[best].name, odd
}

func (p *imprint) each(f func(*node)) {
	for i := range p.dirs {
		f(&p.dirs[i].node)
	}
	for i := range p.files {
		f(&p.files[i])
	}
}
