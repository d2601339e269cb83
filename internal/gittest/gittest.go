// Package gittest makes git repositories and serves them: deterministic ones
// through the git program, hostile ones object by object, over a real git
// http-backend, a real sshd, and a server of our own that sends what no git
// would. Everything listens on the loopback only.
//
// It is for tests and the demo, not for the product. What takes a testing.TB
// fails or skips the test; the rest returns errors.
package gittest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
)

// epoch is the date of every commit and tag, so that ids are the same on every
// machine and day.
const epoch = "1700000000 +0000"

// identity is the author of everything.
const identity = "Packsync Tests <tests@packsync.example>"

// Files is a tree: path → content. As ls -F marks them, a path that ends in *
// is executable, and one that ends in @ is a link to its content.
type Files map[string]string

// Repo is a bare repository on disk, whose default branch is main.
type Repo struct{ Dir string }

// Init makes an empty repository at dir, which must not exist or be empty.
func Init(dir string) (*Repo, error) {
	if _, err := Git("", nil, "init", "--quiet", "--bare", "--initial-branch=main", dir); err != nil {
		return nil, err
	}
	return &Repo{Dir: dir}, nil
}

// Git runs the git program in dir, away from every configuration of the user and
// the machine, and returns its trimmed output.
func Git(dir string, stdin []byte, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = Env()
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// Env is the environment in which git knows no configuration, no user and no
// time but ours.
func Env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=/nonexistent",
		"LC_ALL=C",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Packsync Tests", "GIT_AUTHOR_EMAIL=tests@packsync.example", "GIT_AUTHOR_DATE=" + epoch,
		"GIT_COMMITTER_NAME=Packsync Tests", "GIT_COMMITTER_EMAIL=tests@packsync.example", "GIT_COMMITTER_DATE=" + epoch,
	}
}

// Commit adds a commit to a branch, which it makes if need be, with exactly
// these files. from is the parent, a revision; "" for the branch's tip. It
// returns the id.
func (r *Repo) Commit(branch, from, message string, files Files) (string, error) {
	full := "refs/heads/" + branch
	if from == "" {
		if tip, err := Git(r.Dir, nil, "rev-parse", "--verify", "--quiet", full); err == nil {
			from = tip
		}
	} else {
		id, err := Git(r.Dir, nil, "rev-parse", "--verify", from+"^{commit}")
		if err != nil {
			return "", err
		}
		from = id
	}
	var in bytes.Buffer
	fmt.Fprintf(&in, "commit %s\ncommitter %s %s\ndata %d\n%s\n", full, identity, epoch, len(message), message)
	if from != "" {
		fmt.Fprintf(&in, "from %s\n", from)
	}
	in.WriteString("deleteall\n")
	for _, path := range slices.Sorted(maps.Keys(files)) {
		content := files[path]
		mode := "100644"
		switch {
		case strings.HasSuffix(path, "*"):
			mode, path = "100755", strings.TrimSuffix(path, "*")
		case strings.HasSuffix(path, "@"):
			mode, path = "120000", strings.TrimSuffix(path, "@")
		}
		fmt.Fprintf(&in, "M %s inline %s\ndata %d\n%s\n", mode, path, len(content), content)
	}
	if _, err := Git(r.Dir, in.Bytes(), "fast-import", "--quiet", "--force"); err != nil {
		return "", err
	}
	return Git(r.Dir, nil, "rev-parse", full)
}

// Tag makes or moves a lightweight tag.
func (r *Repo) Tag(name, revision string) error {
	_, err := Git(r.Dir, nil, "tag", "--force", name, revision)
	return err
}

// AnnotatedTag makes or moves an annotated tag.
func (r *Repo) AnnotatedTag(name, revision string) error {
	_, err := Git(r.Dir, nil, "tag", "--force", "--annotate", "--message", "Release "+name, name, revision)
	return err
}

// Branch makes or moves a branch.
func (r *Repo) Branch(name, revision string) error {
	_, err := Git(r.Dir, nil, "update-ref", "refs/heads/"+name, revision)
	return err
}

// Delete removes a ref by its full name.
func (r *Repo) Delete(ref string) error {
	_, err := Git(r.Dir, nil, "update-ref", "-d", ref)
	return err
}

// Config sets a configuration value of the repository, such as
// uploadpack.allowReachableSHA1InWant.
func (r *Repo) Config(key, value string) error {
	_, err := Git(r.Dir, nil, "config", key, value)
	return err
}

// Repack puts all objects into one pack with deltas, and all refs into
// packed-refs, as a repository looks that has lived.
func (r *Repo) Repack() error {
	if _, err := Git(r.Dir, nil, "repack", "-adfq", "--depth=50", "--window=50"); err != nil {
		return err
	}
	_, err := Git(r.Dir, nil, "pack-refs", "--all")
	return err
}

// TestRepo is a Repo whose methods fail the test instead of returning an error.
type TestRepo struct {
	*Repo
	t testing.TB
}

// New makes an empty repository called name below root.
func New(t testing.TB, root, name string) *TestRepo {
	t.Helper()
	testenv.Need(t, "git")
	r, err := Init(filepath.Join(root, name))
	must(t, err)
	return &TestRepo{Repo: r, t: t}
}

// Commit is Repo.Commit on a branch's tip.
func (r *TestRepo) Commit(branch, message string, files Files) string {
	r.t.Helper()
	id, err := r.Repo.Commit(branch, "", message, files)
	must(r.t, err)
	return id
}

// CommitFrom is Repo.Commit on another revision.
func (r *TestRepo) CommitFrom(branch, from, message string, files Files) string {
	r.t.Helper()
	id, err := r.Repo.Commit(branch, from, message, files)
	must(r.t, err)
	return id
}

// Tag is Repo.Tag.
func (r *TestRepo) Tag(name, revision string) {
	r.t.Helper()
	must(r.t, r.Repo.Tag(name, revision))
}

// AnnotatedTag is Repo.AnnotatedTag.
func (r *TestRepo) AnnotatedTag(name, revision string) {
	r.t.Helper()
	must(r.t, r.Repo.AnnotatedTag(name, revision))
}

// Branch is Repo.Branch.
func (r *TestRepo) Branch(name, revision string) {
	r.t.Helper()
	must(r.t, r.Repo.Branch(name, revision))
}

// Delete is Repo.Delete.
func (r *TestRepo) Delete(ref string) {
	r.t.Helper()
	must(r.t, r.Repo.Delete(ref))
}

// Config is Repo.Config.
func (r *TestRepo) Config(key, value string) {
	r.t.Helper()
	must(r.t, r.Repo.Config(key, value))
}

// Repack is Repo.Repack.
func (r *TestRepo) Repack() {
	r.t.Helper()
	must(r.t, r.Repo.Repack())
}

// Run runs git in the repository.
func (r *TestRepo) Run(args ...string) string {
	r.t.Helper()
	out, err := Git(r.Dir, nil, args...)
	must(r.t, err)
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
