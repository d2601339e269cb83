// Package safefs holds the only file operations that change the disk. Each
// survives a crash (the old or the new is there, whole), follows no symbolic
// link below the directory it is given, and says which path failed and why.
//
// It is not for reading, and not for deciding: package apply orders the calls.
package safefs

import (
	"errors"
	"io/fs"
)

// Disk is the edge to the file system. Paths are absolute. The conformance suite
// is safefstest.Run; a Disk made by WithHook stops or fails at a chosen step.
type Disk interface {
	// WriteFile replaces path by data: temporary file beside it, write, mode and
	// owner by descriptor, fsync, rename, fsync of the directory.
	WriteFile(path string, data []byte, owner Owner) error
	// MkdirAll makes path and its missing parents with mode and owner, whatever
	// the umask. Existing directories are left as they are; a link in the way is
	// an error.
	MkdirAll(path string, owner Owner) error
	// MkdirStage is MkdirAll without making anything durable: for directories that
	// nothing refers to before SyncFS was called for them. A power cut until then
	// may take them back.
	MkdirStage(path string, owner Owner) error
	// Exchange swaps two directories or two files in one step. Where the file system cannot,
	// the error wraps ErrNoExchange; for a mount point it wraps ErrMountPoint.
	Exchange(a, b string) error
	// MoveNew renames old to new, which must not exist (else fs.ErrExist).
	MoveNew(oldPath, newPath string) error
	// RemoveAll removes path and what lies below it, following no link. A path
	// that is not there is a success.
	RemoveAll(path string) error
	// SyncFS makes everything written to path's file system durable.
	SyncFS(path string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(path string) error
}

// Owner is the mode and ownership of something new. UID and GID -1 leave the
// process's own.
type Owner struct {
	Mode     fs.FileMode
	UID, GID int
}

var (
	// ErrNoExchange: the file system has no renameat2(RENAME_EXCHANGE).
	ErrNoExchange = errors.New("the file system cannot exchange two directories in one step")
	// ErrMountPoint: the path is itself a mount point and cannot be renamed.
	ErrMountPoint = errors.New("it is a mount point: manage it where it is mounted from")
)
