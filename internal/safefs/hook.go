package safefs

import "sync/atomic"

// Op names one effect on the disk.
type Op string

// The effects, in the order in which an operation has them.
const (
	OpCreate   Op = "create"   // an empty temporary file appears
	OpWrite    Op = "write"    // it gets its content, mode and owner
	OpSync     Op = "sync"     // its content becomes durable
	OpRename   Op = "rename"   // it takes the name it is for
	OpMkdir    Op = "mkdir"    // a directory appears under its temporary name
	OpPublish  Op = "publish"  // it takes the name it is for
	OpExchange Op = "exchange" // two names are swapped
	OpMove     Op = "move"     // a name moves to where none was
	OpRemove   Op = "remove"   // a file or an empty directory goes
	OpDiscard  Op = "discard"  // the temporary file of an operation that failed goes
	OpSyncFS   Op = "sync-fs"  // everything on a file system becomes durable
	OpSyncDir  Op = "sync-dir" // the names in a directory become durable
)

// Step is one effect that is about to happen.
type Step struct {
	Op   Op
	Path string // what it happens to; the final name for temporary files
	N    int    // counts from 1 over the life of the Disk
}

// WithHook returns a Disk that calls hook before each effect; an error of hook
// takes the place of the effect. A hook that fails once stands for a fault; one
// that fails from some step on stands for a crash, since then not even the
// clean-up happens. hook must be safe for concurrent use if the Disk is used so.
// d must come from OS or WithHook: only this package knows where the effects
// are.
func WithHook(d Disk, hook func(Step) error) Disk {
	inner := d.(*osDisk)
	var n atomic.Int64
	outer := *inner
	outer.before = func(op Op, path string) error {
		if err := inner.before(op, path); err != nil {
			return err
		}
		return hook(Step{Op: op, Path: path, N: int(n.Add(1))})
	}
	return &outer
}
