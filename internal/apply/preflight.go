package apply

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/tree"
)

// Size is what a tree needs on disk: Bytes in whole blocks of 4 KiB, and Inodes
// for files and directories. The zero Size means that it is not known.
type Size struct{ Bytes, Inodes uint64 }

const blockSize = 4096

// SizeOf returns what the files of a tree need on disk.
func SizeOf(files []tree.File) Size {
	size := Size{Inodes: 1, Bytes: blockSize} // the pack's own directory
	dirs := map[string]bool{".": true}
	for _, f := range files {
		size.Inodes++
		size.Bytes += (uint64(f.Size) + blockSize - 1) / blockSize * blockSize
		for dir := filepath.Dir(f.Path); !dirs[dir]; dir = filepath.Dir(dir) {
			dirs[dir] = true
			size.Inodes++
			size.Bytes += blockSize
		}
	}
	return size
}

func (s *Size) add(more Size) {
	s.Bytes += more.Bytes
	s.Inodes += more.Inodes
}

// What W needs for itself: the intent, the record with its copies, the index, and
// the directories around what is staged.
const (
	reserveBytes  = 1 << 20
	reserveInodes = 32
)

// target is one path that a plan changes.
type target struct {
	ref  pack.Ref
	live string
	need Size
}

// preflight refuses, before anything is written, a plan that would fail while it
// is carried out: too little space, a target that cannot be written to, a path
// that cannot be renamed because something is mounted there. All reasons come at
// once.
func (a *Applier) preflight(ctx context.Context, p *plan.Plan, content Content) error {
	targets, err := a.targets(ctx, p, content)
	if err != nil || len(targets) == 0 {
		return err
	}
	mounts, err := mountPoints()
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range targets {
		errs = append(errs, refuseMounted(t, mounts))
	}
	needs := map[string]Size{a.Layout.Work: {Bytes: reserveBytes, Inodes: reserveInodes}}
	for _, t := range targets {
		dir, err := nearest(filepath.Dir(t.live))
		if err != nil {
			return err
		}
		work, err := a.workFor(dir)
		if err != nil {
			return err
		}
		need := needs[work]
		need.add(t.need)
		needs[work] = need
	}
	errs = append(errs, a.refuseUnwritable(targets, needs), refuseFull(needs))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("refused before anything was changed: %w", err)
	}
	return nil
}

// targets lists what the plan changes on disk.
func (a *Applier) targets(ctx context.Context, p *plan.Plan, content Content) ([]target, error) {
	var out []target
	for _, c := range p.Changes {
		if c.Do.Config {
			need := Size{Bytes: uint64(len(content.Config[c.Ref])) + blockSize, Inodes: 1}
			out = append(out, target{c.Ref, a.configPath(c.Ref), need})
		}
		if c.Do.Overrides || c.Do.TakeOverrides {
			need := Size{Bytes: uint64(len(content.Overrides[c.Ref])) + blockSize, Inodes: 1}
			out = append(out, target{c.Ref, a.overridesPath(c.Ref), need})
		}
		if c.Do.Place {
			need := content.Size[c.Ref]
			if need == (Size{}) {
				t, err := content.Tree(ctx, c.Ref)
				if err != nil {
					return nil, fmt.Errorf("stage %s: %w", c.Ref, err)
				}
				need = SizeOf(t.Files())
			}
			out = append(out, target{c.Ref, c.After.Path, need})
		}
		if c.Do.Venv { // how large it gets is known when pip has built it
			out = append(out, target{c.Ref, filepath.Join(a.Layout.VenvsDir, string(c.Ref)), Size{}})
		}
		for _, away := range []string{c.Do.TakeAway, c.Do.TakeVenv} {
			if away != "" {
				out = append(out, target{c.Ref, away, Size{}})
			}
		}
	}
	return out, nil
}

// refuseMounted refuses a path where something is mounted: it cannot be renamed.
// A mount below it would silently move away together with the old tree.
func refuseMounted(t target, mounts []string) error {
	if there, err := inodeIfThere(t.live); err != nil || there == 0 {
		return err
	}
	real, err := filepath.EvalSymlinks(filepath.Dir(t.live))
	if err != nil {
		return fmt.Errorf("look at %s: %w", filepath.Dir(t.live), err)
	}
	path := filepath.Join(real, filepath.Base(t.live))
	for _, mount := range mounts {
		switch {
		case mount == path:
			return fmt.Errorf("%s cannot be replaced: %w, or unmount it and run apply again", t.live, safefs.ErrMountPoint)
		case strings.HasPrefix(mount, path+"/"):
			return fmt.Errorf("%s cannot be replaced: something is mounted below it at %s and would move away with it; unmount that and run apply again", t.live, mount)
		}
	}
	return nil
}

// refuseUnwritable looks whether the directories that hold the targets can be
// written to, and writes a file into each work folder to be sure.
func (a *Applier) refuseUnwritable(targets []target, needs map[string]Size) error {
	var dirs []string
	for _, t := range targets {
		dir, err := nearest(filepath.Dir(t.live))
		if err != nil {
			return err
		}
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	var errs []error
	for _, dir := range slices.Compact(dirs) {
		if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
			errs = append(errs, fmt.Errorf("%s cannot be written to: %w; %s", dir, err, adviceFor(err)))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, work := range slices.Sorted(maps.Keys(needs)) {
		if _, err := os.Lstat(work); errors.Is(err, fs.ErrNotExist) {
			continue // it will be made in a directory that was just looked at
		}
		probe := filepath.Join(work, "probe")
		err := a.Disk.WriteFile(probe, []byte("Can this be written? Yes, it can.\n"), safefs.Owner{Mode: 0o600, UID: -1, GID: -1})
		if err == nil {
			err = a.Disk.RemoveAll(probe)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("the work folder %s cannot be written to: %w; %s", work, err, adviceFor(err)))
		}
	}
	return errors.Join(errs...)
}

func adviceFor(err error) string {
	switch {
	case errors.Is(err, unix.EROFS):
		return "its file system is mounted read-only: remount it writable and run apply again"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return "make room there and run apply again"
	case errors.Is(err, unix.EPERM):
		return "it may be immutable (lsattr): lift that and run apply again"
	}
	return "run packsync as a user who may write there, usually root"
}

// refuseFull compares what is to be staged, and a fifth more, with what is free on
// each file system.
func refuseFull(needs map[string]Size) error {
	type device struct {
		dir  string
		need Size
	}
	var devices []device
	at := map[uint64]int{}
	for _, work := range slices.Sorted(maps.Keys(needs)) {
		dir, err := nearest(work)
		if err != nil {
			return err
		}
		var stat unix.Stat_t
		if err := unix.Stat(dir, &stat); err != nil {
			return fmt.Errorf("look at %s: %w", dir, err)
		}
		i, known := at[stat.Dev]
		if !known {
			i, at[stat.Dev] = len(devices), len(devices)
			devices = append(devices, device{dir: dir})
		}
		devices[i].need.add(needs[work])
	}
	var errs []error
	for _, d := range devices {
		errs = append(errs, refuseFullAt(d.dir, Size{Bytes: d.need.Bytes + d.need.Bytes/5, Inodes: d.need.Inodes + d.need.Inodes/5}))
	}
	return errors.Join(errs...)
}

func refuseFullAt(dir string, need Size) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return fmt.Errorf("find how much is free at %s: %w", dir, err)
	}
	blocks := stat.Bavail
	if os.Geteuid() == 0 {
		blocks = stat.Bfree // the rest is reserved for root
	}
	if free := blocks * uint64(stat.Bsize); free < need.Bytes {
		return fmt.Errorf("too little space on the file system of %s: %s needed, %s free; make room there and run apply again", dir, mebibytes(need.Bytes), mebibytes(free))
	}
	if stat.Files > 0 && stat.Ffree < need.Inodes { // some file systems have no such limit and say 0
		return fmt.Errorf("too few inodes on the file system of %s: %d needed, %d free; remove files there and run apply again", dir, need.Inodes, stat.Ffree)
	}
	return nil
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// nearest returns the deepest directory on the way to path that exists.
func nearest(path string) (string, error) {
	for at := path; ; at = filepath.Dir(at) {
		_, err := os.Stat(at)
		if err == nil {
			return at, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || at == "/" {
			return "", fmt.Errorf("look at %s: %w", at, err)
		}
	}
}

// mountPoints lists where something is mounted, as this process sees it.
func mountPoints() (points []string, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find what is mounted where: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 {
			points = append(points, unescape.Replace(fields[4]))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("find what is mounted where: %w", err)
	}
	return points, nil
}
