package installed

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/pack"
)

// Checkout is what the .git directory of an installed pack says about where it
// came from: StackStorm's own install leaves a clone (reference.md 1.6). It is
// only a claim: whether the files are those of that commit is for the caller to
// find out.
type Checkout struct {
	Head pack.Commit
	// Remote is the URL of origin without any credential, "" if there is none.
	// Credential tells that one was left out: StackStorm keeps it there.
	Remote     string
	Credential bool
}

// ReadCheckout reads .git/HEAD and the URL of origin of a pack directory. Without
// a .git directory it returns nil. It follows no link out of .git and runs
// nothing.
func ReadCheckout(dir string) (*Checkout, error) {
	git := path.Join(dir, ".git")
	var st unix.Stat_t
	switch err := unix.Lstat(git, &st); {
	case errors.Is(err, unix.ENOENT), err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return nil, nil
	case err != nil:
		return nil, &fs.PathError{Op: "look at", Path: git, Err: err}
	}
	root, err := os.OpenRoot(git)
	if err != nil {
		return nil, err
	}
	c, err := readCheckout(root)
	if err = errors.Join(err, root.Close()); err != nil {
		return nil, fmt.Errorf("read the checkout in %s: %w", git, err)
	}
	return c, nil
}

func readCheckout(root *os.Root) (*Checkout, error) {
	head, err := readIn(root, "HEAD")
	if err != nil {
		return nil, err
	}
	c := &Checkout{}
	if name, symbolic := strings.CutPrefix(strings.TrimSpace(head), "ref: "); symbolic {
		c.Head, err = readRef(root, strings.TrimSpace(name))
	} else {
		c.Head, err = pack.ParseCommit(strings.TrimSpace(head))
	}
	if err != nil {
		return nil, fmt.Errorf("find the commit of HEAD: %w", err)
	}
	config, err := readIn(root, "config")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c.Remote, c.Credential = withoutCredential(originOf(config))
	return c, nil
}

// readIn reads a file below .git, as long as it lies there.
func readIn(root *os.Root, name string) (string, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	data, err := readAndClose(f, maxPackedRefs)
	return string(data), err
}

// maxPackedRefs is far more than the refs of any pack need.
const maxPackedRefs = 4 << 20

// readRef finds the commit of a branch: in a file of its own, else among the
// packed ones.
func readRef(root *os.Root, name string) (pack.Commit, error) {
	if !strings.HasPrefix(name, "refs/") || !fs.ValidPath(name) {
		return "", fmt.Errorf("%q is not the name of a branch", name)
	}
	loose, err := readIn(root, name)
	if err == nil {
		return pack.ParseCommit(strings.TrimSpace(loose))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	packed, err := readIn(root, "packed-refs")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for line := range strings.Lines(packed) {
		if id, of, ok := strings.Cut(strings.TrimSpace(line), " "); ok && of == name {
			return pack.ParseCommit(id)
		}
	}
	return "", fmt.Errorf("there is no branch %s", name)
}

// originOf finds the URL of the remote "origin" in a git configuration, the last
// one given, as git takes it. It knows as much of the format as git itself writes.
func originOf(config string) string {
	origin, in := "", false
	for line := range strings.Lines(config) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			in = strings.HasPrefix(line, `[remote "origin"]`)
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !in || !ok || !strings.EqualFold(strings.TrimSpace(key), "url") {
			continue
		}
		value = strings.TrimSpace(value)
		if quoted, err := strconv.Unquote(value); err == nil && strings.HasPrefix(value, `"`) {
			value = quoted
		}
		origin = value
	}
	return origin
}

// withoutCredential makes a source URL of a remote as git knows it: no user and
// password, no query, and a path of this machine as a file URL. What it cannot
// read becomes "", since nobody knows what it holds.
func withoutCredential(remote string) (clean string, removed bool) {
	switch {
	case remote == "":
		return "", false
	case strings.HasPrefix(remote, "/"):
		return (&url.URL{Scheme: "file", Path: path.Clean(remote)}).String(), false
	case !strings.Contains(remote, "://"):
		user, _, _ := strings.Cut(remote, "@")
		if strings.Contains(user, ":") {
			return "", true
		}
		return remote, false
	}
	u, err := url.Parse(remote)
	if err != nil {
		return "", true
	}
	_, password := u.User.Password()
	keepUser := u.Scheme == "ssh" && u.User != nil
	removed = password || u.User != nil && !keepUser || u.RawQuery != "" || u.Fragment != ""
	if keepUser {
		u.User = url.User(u.User.Username())
	} else {
		u.User = nil
	}
	u.RawQuery, u.Fragment, u.ForceQuery = "", "", false
	return u.String(), removed
}
