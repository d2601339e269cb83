package tree

import (
	"sort"
	"strings"
)

// maxLinks is how many links one path may lead through, as in the kernel.
const maxLinks = 40

// find returns the index of the file with this path, or -1.
func find(files []File, path string) int {
	i := sort.Search(len(files), func(i int) bool { return files[i].Path >= path })
	if i < len(files) && files[i].Path == path {
		return i
	}
	return -1
}

// isDir reports whether path is a directory of the tree: a part of a path. ""
// is the root, which always is one.
func isDir(files []File, path string) bool {
	if path == "" {
		return true
	}
	prefix := path + "/"
	i := sort.Search(len(files), func(i int) bool { return files[i].Path >= prefix })
	return i < len(files) && strings.HasPrefix(files[i].Path, prefix)
}

// A linkProblem says why a path cannot be followed; "" means that it can.
type linkProblem string

const (
	leavesPack  linkProblem = "it leads out of the pack"
	leadsInGit  linkProblem = "it leads into a git directory"
	leadsNoway  linkProblem = "it leads to a file that is not in the pack"
	notADir     linkProblem = "it leads through a file as if that were a directory"
	tooManyHops linkProblem = "it leads in a circle"
)

// walker follows paths inside a tree as the kernel would, links included.
type walker struct {
	t    Tree
	hops int
}

// follow resolves target, beginning in the directory dir (itself resolved), and
// returns the path it ends at: a file that is no link, or a directory. err is
// only about reading a link.
func (w *walker) follow(dir, target string) (string, linkProblem, error) {
	files := w.t.Files()
	at := dir
	for rest := target; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if i := find(files, at); i >= 0 && at != "" {
			return "", notADir, nil
		}
		switch {
		case name == "" || name == ".":
			continue
		case name == "..":
			if at == "" {
				return "", leavesPack, nil
			}
			at = parent(at)
			continue
		case isGitDisguise(name):
			return "", leadsInGit, nil
		}
		next := join(at, name)
		i := find(files, next)
		switch {
		case i < 0 && !isDir(files, next):
			return "", leadsNoway, nil
		case i < 0 || files[i].Kind != Link:
			at = next
			continue
		}
		if w.hops++; w.hops > maxLinks {
			return "", tooManyHops, nil
		}
		link, err := w.t.Content(i)
		if err != nil {
			return "", "", err
		}
		if strings.HasPrefix(string(link), "/") {
			return "", leavesPack, nil
		}
		resolved, problem, err := w.follow(at, string(link))
		if problem != "" || err != nil {
			return "", problem, err
		}
		at = resolved
	}
	if strings.HasSuffix(target, "/") && find(files, at) >= 0 {
		return "", notADir, nil
	}
	return at, "", nil
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// parent returns the directory of path, "" for the root.
func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return ""
	}
	return path[:i]
}
