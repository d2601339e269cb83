// Package source is the boundary to where commits come from: it lists what a
// repository offers and brings the tree of one commit. Implementations are
// source/gogit (https, ssh, file) and source/dir (plain directories); the suite
// that both pass is source/sourcetest.
//
// It is not for choosing (package resolve) and not for writing trees to disk
// (package tree).
package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/tree"
)

// Opener gives access to sources. Open itself asks nothing: the first call on
// the Remote does. Safe for concurrent use.
type Opener interface {
	Open(src pack.Source) (Remote, error)
}

// Remote is one repository. Every method may wait for the network, returns when
// ctx is cancelled, and retries only where that is safe. Safe for concurrent use.
type Remote interface {
	// Refs lists branches and tags with the commits they name (annotated tags
	// peeled). The answer may be remembered for the life of the Remote.
	Refs(ctx context.Context) (*Refs, error)
	// Resolve finds what revision means, in the order of `st2 pack install
	// x=revision` (reference.md 3.4). It may need the history of the repository.
	// The error is an *UnknownRevisionError if it means nothing.
	Resolve(ctx context.Context, revision string) (Resolved, error)
	// Fetch brings one commit. ref is the full name under which it was found
	// ("refs/tags/v1.0.0", "" if none): servers that refuse bare commits are
	// asked for the ref instead, and the commit must then match. The error is a
	// *CommitGoneError if the server no longer has the commit.
	Fetch(ctx context.Context, commit pack.Commit, ref string) (*Snapshot, error)
	// Reachable reports whether the branch or tag ref, by its full name, leads to
	// commit; with ref "" whether any of them does. Servers also give out commits
	// that none leads to: those of forks, for example, which anybody can make. It
	// may need the history of the repository.
	Reachable(ctx context.Context, commit pack.Commit, ref string) (bool, error)
}

// Refs is what a repository advertises.
type Refs struct {
	Head     string                 // full name of the default branch; "" if HEAD is detached or unknown
	HeadHash pack.Commit            // commit of HEAD; "" for an empty repository
	Branches map[string]pack.Commit // by short name
	Tags     map[string]pack.Commit // by short name, peeled; tags of anything but commits are left out
}

// Resolved is the outcome of resolving a revision.
type Resolved struct {
	Ref    string // full name of the branch or tag it was found under, "" for a bare commit
	Commit pack.Commit
}

// Snapshot is one commit with its tree.
type Snapshot struct {
	Commit pack.Commit
	Title  string // first line of the commit message, as it stands there: quote before printing
	Tree   tree.Tree
}

// UnknownRevisionError reports a branch, tag, commit or revision that the
// repository does not have.
type UnknownRevisionError struct {
	Source   pack.Source
	Revision string
	Known    []string // tags and branches to offer instead, most useful first
}

func (e *UnknownRevisionError) Error() string {
	return fmt.Sprintf("%s has no revision %q", e.Source.URL, e.Revision)
}

// CommitGoneError reports a commit that the repository no longer serves.
type CommitGoneError struct {
	Source pack.Source
	Commit pack.Commit
	Err    error
}

func (e *CommitGoneError) Error() string {
	return fmt.Sprintf("%s no longer serves commit %s: %v", e.Source.URL, e.Commit, e.Err)
}

func (e *CommitGoneError) Unwrap() error { return e.Err }

// UnreachableError reports a source that did not answer as a git server or
// directory should: no connection, no permission, not found, not git. Hint says
// what to do about it.
type UnreachableError struct {
	Source pack.Source
	Hint   string
	Err    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cannot reach %s: %v", e.Source.URL, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// ErrOffline is the cause of every refusal to use the network under --offline.
var ErrOffline = errors.New("the network is not to be used (--offline)")

// ErrNoRevisions is the cause when a plain directory is asked for a branch, tag,
// revision or commit.
var ErrNoRevisions = errors.New("a plain directory has no revisions to select")
