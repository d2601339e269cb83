package gogit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	gitcache "github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/packsync/packsync/internal/tree"
)

// localBackend reads a repository on this machine's disk. go-git's own file
// transport would run the git binary, which may not be there and reads
// configuration that belongs to somebody else; its storage only reads objects
// and refs.
type localBackend struct {
	dir    string // of the file URL
	limits Limits
}

// errNotRepository reports a directory that is no git repository.
var errNotRepository = errors.New("it is not a git repository")

func (b *localBackend) isLocal() bool { return true }

// open finds the repository: bare, or the .git of a work tree. A storage is made
// for each question, since git may repack between two.
func (b *localBackend) open() (*localRepo, error) {
	dir := b.dir
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%w but a file", errNotRepository)
	}
	dotGit, err := os.Stat(filepath.Join(dir, ".git"))
	switch {
	case err == nil && !dotGit.IsDir():
		return nil, fmt.Errorf("%s is a linked work tree or a submodule (its .git is a file): name the repository that it belongs to", dir)
	case err == nil:
		dir = filepath.Join(dir, ".git")
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open repository: %w", err)
	}
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			return nil, errNotRepository
		} else if err != nil {
			return nil, fmt.Errorf("open repository: %w", err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "reftable")); err == nil {
		return nil, errors.New("its refs are kept in the reftable format, which is not supported: convert it with `git refs migrate --ref-format=files`")
	}
	if err := checkObjectFormat(filepath.Join(dir, "config")); err != nil {
		return nil, err
	}
	// Alternates are repositories that this one borrows objects from, anywhere on
	// the disk; content is verified by id, wherever it comes from.
	storage := filesystem.NewStorageWithOptions(osfs.New(dir, osfs.WithBoundOS()), gitcache.NewObjectLRU(keptBytes),
		filesystem.Options{AlternatesFS: osfs.New("/", osfs.WithBoundOS()), LargeObjectThreshold: b.limits.ObjectBytes})
	return &localRepo{storage: storage, limits: b.limits}, nil
}

// checkObjectFormat refuses SHA-256 repositories. The one line that says so has
// no other place to stand, so the file need not be understood.
func checkObjectFormat(file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open repository: %w", err)
	}
	for line := range strings.Lines(strings.ToLower(string(text))) {
		key, value, _ := strings.Cut(line, "=")
		if strings.TrimSpace(key) == "objectformat" && strings.Trim(strings.TrimSpace(value), `"`) != "sha1" {
			return errors.New("its objects are not named by SHA-1, which alone is supported")
		}
	}
	return nil
}

func (b *localBackend) advertised(ctx context.Context) (*advertised, error) {
	repo, err := b.open()
	if err != nil {
		return nil, err
	}
	return repo.advertised(ctx)
}

func (b *localBackend) commitPack(ctx context.Context, commit plumbing.Hash, _ string) (*packed, error) {
	repo, err := b.open()
	if err != nil {
		return nil, err
	}
	if _, _, err := repo.size(commit); errors.Is(err, errNoObject) {
		return nil, errGone
	}
	return extract(ctx, repo, commit, b.limits)
}

func (b *localBackend) history(context.Context) (objects, error) { return b.open() }

// localRepo is an open repository on disk.
type localRepo struct {
	storage *filesystem.Storage
	limits  Limits
}

func (r *localRepo) advertised(ctx context.Context) (*advertised, error) {
	a := &advertised{own: map[string]plumbing.Hash{}, peeled: map[string]plumbing.Hash{}, bare: true}
	head, err := r.storage.Reference(plumbing.HEAD)
	if err != nil {
		return nil, fmt.Errorf("read HEAD: %w", err)
	}
	refs, err := r.storage.IterReferences()
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		name := ref.Name().String()
		if ref.Type() != plumbing.HashReference || !validRef(name) {
			return ctx.Err()
		}
		commit, kind, err := peel(r, ref.Hash())
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if kind != plumbing.CommitObject {
			return ctx.Err() // a tag of a tree or a file
		}
		a.own[name] = ref.Hash()
		if commit != ref.Hash() {
			a.peeled[name] = commit
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	if head.Type() == plumbing.HashReference {
		a.headID = head.Hash()
	} else if id, ok := a.own[head.Target().String()]; ok {
		a.head, a.headID = head.Target().String(), id
	}
	return a, nil
}

func (r *localRepo) get(id plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	kind, size, err := r.size(id)
	if err != nil {
		return 0, nil, err
	}
	if size > r.limits.ObjectBytes {
		return 0, nil, limitError("it holds a file of %d bytes, %d are allowed (%s)", size, r.limits.ObjectBytes, tree.RaiseBytes)
	}
	object, err := r.storage.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		return 0, nil, objectError(id, err)
	}
	in, err := object.Reader()
	if err != nil {
		return 0, nil, objectError(id, err)
	}
	content := make([]byte, size)
	_, err = io.ReadFull(in, content)
	if err := errors.Join(err, in.Close()); err != nil {
		return 0, nil, objectError(id, err)
	}
	if plumbing.ComputeHash(kind, content) != id {
		return 0, nil, fmt.Errorf("object %s is damaged: its content has another id", id)
	}
	return kind, content, nil
}

func (r *localRepo) size(id plumbing.Hash) (plumbing.ObjectType, int64, error) {
	object, err := r.storage.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		return 0, 0, objectError(id, err)
	}
	return object.Type(), object.Size(), nil
}

func objectError(id plumbing.Hash, err error) error {
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return fmt.Errorf("object %s: %w", id, errNoObject)
	}
	return fmt.Errorf("read object %s: %w", id, err)
}

func (r *localRepo) withPrefix(digits string) ([]plumbing.Hash, error) {
	// go-git compares whole bytes.
	prefix, err := hex.DecodeString(digits[:len(digits)/2*2])
	if err != nil {
		return nil, fmt.Errorf("find objects: %w", err)
	}
	candidates, err := r.storage.HashesWithPrefix(prefix)
	if err != nil {
		return nil, fmt.Errorf("find objects: %w", err)
	}
	found := candidates[:0]
	for _, id := range candidates {
		if strings.HasPrefix(id.String(), digits) {
			found = append(found, id)
		}
	}
	return found, nil
}
