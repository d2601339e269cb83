package source

import (
	"fmt"

	"github.com/packsync/packsync/internal/pack"
)

// ByKind opens each source with the Opener for its kind. It is the Opener that
// commands use.
type ByKind struct {
	Git Opener // source/gogit
	Dir Opener // source/dir
}

// Open implements Opener.
func (b ByKind) Open(src pack.Source) (Remote, error) {
	switch src.Kind {
	case pack.SourceGit:
		return b.Git.Open(src)
	case pack.SourceDir:
		return b.Dir.Open(src)
	}
	return nil, fmt.Errorf("open %s: unknown kind of source %q", src, src.Kind)
}
