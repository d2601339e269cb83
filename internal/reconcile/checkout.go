package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/tree"
)

// GitDeclaration is a repository that the declaration is taken from.
type GitDeclaration struct {
	Source   pack.Source
	Branch   string // "" for the default one
	File     string // of the declaration, inside the repository
	LockFile string // inside the repository; "" is beside the declaration
}

// Paths returns the declaration and the lock in a check-out.
func (g GitDeclaration) Paths(c Checkout) (file, lock string) {
	file = filepath.Join(c.Dir, g.File)
	if g.LockFile == "" {
		return file, LockBeside(file)
	}
	return file, filepath.Join(c.Dir, g.LockFile)
}

// LockBeside is where the lock lies if nobody says otherwise: beside the
// declaration, or in it if that is a directory.
func LockBeside(declaration string) string {
	dir := filepath.Dir(declaration)
	if info, err := os.Stat(declaration); err == nil && info.IsDir() {
		dir = declaration
	}
	return filepath.Join(dir, "packs.lock.json")
}

// Checkout is a declaration as one commit has it.
type Checkout struct {
	Dir    string // absolute; always the same, so that what is below it keeps its name
	Commit pack.Commit
	Title  string // first line of the commit message; "" if nothing was fetched
}

// CheckOut brings the newest commit of the branch to Checkout.Dir, below the cache
// directory. Where the repository cannot be asked, what was checked out before is
// returned together with the error, if it is whole. Credentials come from the
// environment and, once there is a declaration, from its credentials blocks.
func CheckOut(ctx context.Context, opts Options, g GitDeclaration) (Checkout, error) {
	if opts.CacheDir == "" {
		return Checkout{}, errors.New("follow a repository: there is no cache directory to check it out to; set PACKSYNC_CACHE_DIR")
	}
	sum := sha256.Sum256([]byte(g.Source.String() + "\n" + g.Branch))
	c := checkout{home: filepath.Join(opts.CacheDir, "declarations", hex.EncodeToString(sum[:8]))}
	last, err := c.last(ctx)
	if err != nil {
		return Checkout{}, err
	}
	cfg := &config.Config{}
	if last.Commit != "" {
		known := opts
		known.Config.File, known.Config.Mode = filepath.Join(last.Dir, g.File), config.Partial
		if decl, err := Load(ctx, known); err == nil {
			cfg = decl.Config
		}
	}
	w, err := open(opts, Callbacks{}, Declaration{Config: cfg})
	if err != nil {
		return last, err
	}
	defer w.close()
	c.disk = w.disk()
	snapshot, err := newest(ctx, w.sources, g, last.Commit)
	if err != nil {
		return last, fmt.Errorf("follow %s: %w", g.Source, withHint(err))
	}
	if snapshot == nil {
		return last, nil
	}
	if err := c.write(ctx, snapshot); err != nil {
		return last, fmt.Errorf("check out commit %s of %s: %w", snapshot.Commit.Short(), g.Source, err)
	}
	return Checkout{Dir: c.dir(), Commit: snapshot.Commit, Title: snapshot.Title}, nil
}

// newest fetches the commit that the branch names; nil if that is the known one.
func newest(ctx context.Context, sources source.Opener, g GitDeclaration, known pack.Commit) (*source.Snapshot, error) {
	remote, err := sources.Open(g.Source)
	if err != nil {
		return nil, err
	}
	refs, err := remote.Refs(ctx)
	if err != nil {
		return nil, err
	}
	name, commit := refs.Head, refs.HeadHash
	if g.Branch != "" {
		name, commit = "refs/heads/"+g.Branch, refs.Branches[g.Branch]
	}
	switch {
	case commit == "" && g.Branch == "":
		return nil, errors.New("the repository has no default branch: name one with --git URL@BRANCH")
	case commit == "":
		return nil, fmt.Errorf("the repository has no branch %q", g.Branch)
	case commit == known:
		return nil, nil
	}
	return remote.Fetch(ctx, commit, name)
}

// checkout is the place of one repository below the cache.
type checkout struct {
	home string
	disk safefs.Disk
}

func (c checkout) dir() string    { return filepath.Join(c.home, "tree") }
func (c checkout) marker() string { return filepath.Join(c.home, "checked-out.json") }

// marker says what was checked out.
type marker struct {
	Commit pack.Commit   `json:"commit"`
	Tree   pack.TreeHash `json:"tree"`
}

// last returns what was checked out before; the zero Checkout if nothing was, or
// if it is not what was fetched any more.
func (c checkout) last(ctx context.Context) (Checkout, error) {
	data, err := os.ReadFile(c.marker())
	if errors.Is(err, fs.ErrNotExist) {
		return Checkout{}, nil
	}
	if err != nil {
		return Checkout{}, fmt.Errorf("look for an earlier check-out: %w", err)
	}
	var m marker
	if json.Unmarshal(data, &m) == nil && c.holds(ctx, m.Tree) {
		return Checkout{Dir: c.dir(), Commit: m.Commit}, nil
	}
	return Checkout{}, nil // cut off or changed: fetched again
}

// holds reports whether what is checked out can be read and has this tree hash.
func (c checkout) holds(ctx context.Context, want pack.TreeHash) bool {
	t, err := tree.ReadDir(ctx, c.dir())
	if err != nil {
		return false
	}
	manifest, err := tree.HashOf(t)
	return err == nil && manifest.Tree() == want
}

// write puts a tree in the place of the last one, in one step. The marker comes
// after it: one that does not fit the tree is as good as none.
func (c checkout) write(ctx context.Context, s *source.Snapshot) error {
	if err := tree.Check(s.Tree, tree.DefaultLimits()); err != nil {
		return err
	}
	fresh := filepath.Join(c.home, "new")
	if err := c.disk.RemoveAll(fresh); err != nil {
		return err
	}
	private := safefs.Owner{Mode: 0o700, UID: -1, GID: -1}
	if err := c.disk.MkdirAll(fresh, private); err != nil {
		return err
	}
	manifest, err := tree.Write(ctx, fresh, tree.Filter(s.Tree), tree.Profile{DirMode: 0o700, FileMode: 0o600, ExecMode: 0o700, UID: -1, GID: -1})
	if err != nil {
		return err
	}
	if err := c.disk.SyncFS(fresh); err != nil {
		return err
	}
	if err := c.place(fresh); err != nil {
		return err
	}
	data, err := json.Marshal(marker{Commit: s.Commit, Tree: manifest.Tree()})
	if err != nil {
		return err
	}
	return c.disk.WriteFile(c.marker(), append(data, '\n'), safefs.Owner{Mode: 0o600, UID: -1, GID: -1})
}

func (c checkout) place(fresh string) error {
	err := c.disk.MoveNew(fresh, c.dir())
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err = c.disk.Exchange(fresh, c.dir()); errors.Is(err, safefs.ErrNoExchange) {
		if err = c.disk.RemoveAll(c.dir()); err == nil {
			return c.disk.MoveNew(fresh, c.dir())
		}
	}
	if err != nil {
		return err
	}
	return c.disk.RemoveAll(fresh)
}

// ParseGitDeclaration reads URL[@BRANCH]. An @ before the host is a user's.
func ParseGitDeclaration(text string) (GitDeclaration, error) {
	head, path := text, ""
	switch i := strings.Index(text, "://"); {
	case i >= 0:
		if slash := strings.IndexByte(text[i+3:], '/'); slash >= 0 {
			head, path = text[:i+3+slash], text[i+3+slash:]
		}
	default:
		if colon := strings.IndexByte(text, ':'); colon >= 0 {
			head, path = text[:colon], text[colon:]
		}
	}
	path, branch, named := strings.Cut(path, "@")
	if named && branch == "" {
		return GitDeclaration{}, fmt.Errorf("--git %s: the branch after @ is missing", text)
	}
	src, err := pack.ParseSource(head + path)
	if err != nil {
		return GitDeclaration{}, fmt.Errorf("--git: %w", err)
	}
	return GitDeclaration{Source: src, Branch: branch}, nil
}
