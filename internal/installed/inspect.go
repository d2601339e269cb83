package installed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/trace"
)

// Inspect looks at the disk. What is missing is left out of the answer; what
// cannot be read is an error with its path. It changes nothing.
func Inspect(ctx context.Context, r Request) (*Observed, error) {
	ctx, span := trace.Begin(ctx, trace.Inspect)
	defer span.End()
	o := &Observed{Packs: map[pack.Addr]Pack{}, Configs: map[pack.Ref]Config{}, at: map[string]pack.Addr{}}
	ahead := r.Ahead.Current(r.Index)
	if ahead == nil {
		ahead = LookAhead(ctx, r.Index, r.Parallel)
	}
	var found []Pack
	for _, base := range r.BasePaths {
		packs, err := listBase(base)
		if errors.Is(err, errNoBase) {
			o.MissingBasePaths = append(o.MissingBasePaths, base.Name)
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, packs...)
	}
	o.began, o.index = ahead.began, ahead.wait()
	if err := o.look(ctx, r, found); err != nil {
		return nil, err
	}
	configs := List(r.ConfigsDir)
	for _, ref := range r.Configs {
		name := string(ref) + ".yaml"
		if !configs.May(name) {
			continue
		}
		c, err := readConfig(filepath.Join(r.ConfigsDir, name))
		if err != nil {
			return nil, err
		}
		if c != nil {
			o.Configs[ref] = *c
		}
	}
	return o, nil
}

var errNoBase = errors.New("the base path is not there")

// listBase lists the packs of a base path: directories, and links, whose name is
// a pack ref.
func listBase(base BasePath) ([]Pack, error) {
	entries, err := os.ReadDir(base.Path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(base.Path); err == nil {
			return nil, fmt.Errorf("list base path %s: %s is a link that leads nowhere", base.Name, base.Path)
		}
		return nil, errNoBase
	}
	if err != nil {
		return nil, fmt.Errorf("list base path %s: %w", base.Name, err)
	}
	var packs []Pack
	for _, e := range entries {
		ref := pack.Ref(e.Name())
		if _, err := pack.ParseRef(e.Name()); err != nil && !ref.IsSystem() {
			continue
		}
		isLink := e.Type()&fs.ModeSymlink != 0
		if !e.IsDir() && !isLink {
			continue
		}
		packs = append(packs, Pack{Addr: pack.Addr{BasePath: base.Name, Ref: ref}, Dir: filepath.Join(base.Path, e.Name()), Link: isLink})
	}
	return packs, nil
}

// look finds out about all packs: from the index where that still holds, else
// from their files.
func (o *Observed) look(ctx context.Context, r Request, found []Pack) error {
	workers := cmp.Or(r.Parallel, runtime.GOMAXPROCS(0))
	imprints := make([]*imprint, len(found))
	var fresh atomic.Int64 // packs that the index does not describe
	err := parallel(ctx, workers, len(found), func() func(int) error {
		return func(i int) (err error) {
			if found[i].Link {
				return nil
			}
			full := r.Full[found[i].Addr]
			if p := o.index.known[found[i].Dir]; p != nil && p.full == full && p.held {
				imprints[i] = p
				return nil
			}
			fresh.Add(1)
			imprints[i], err = first(found[i].Dir, full)
			return err
		}
	})
	if err != nil {
		return err
	}
	var unread []*imprint
	for _, p := range imprints {
		if p != nil && p.full && p.tree == "" {
			unread = append(unread, p)
		}
	}
	if err := hashAll(ctx, unread, workers); err != nil {
		return err
	}
	for i, p := range imprints {
		if p != nil {
			o.imprints = append(o.imprints, p)
			p.tell(&found[i], r.GID)
		}
		o.Packs[found[i].Addr], o.at[found[i].Dir] = found[i], found[i].Addr
	}
	o.indexed = fresh.Load() == 0 && len(o.index.known) == len(o.imprints)
	return nil
}

// first looks at a pack that the index does not know.
func first(dir string, full bool) (*imprint, error) {
	if !full {
		version, meta, err := readVersion(dir)
		p := &imprint{dir: dir, version: version}
		if meta != nil {
			p.files = []node{*meta}
		}
		return p, err
	}
	p, err := scan(dir)
	if err != nil {
		return nil, err
	}
	p.version, _, err = readVersion(dir)
	return p, err
}

// tell puts what is known into the answer.
func (p *imprint) tell(out *Pack, gid int) {
	out.Version = p.version
	if !p.full {
		return
	}
	out.Full, out.Tree, out.Content = true, p.tree, p.content
	out.Modes, out.Odd = p.judgeModes(gid)
	out.imprint = p
}

// maxConfig is far more than any config has.
const maxConfig = 16 << 20

// readConfig reads a config file; nil if it is not there. Links are followed, as
// StackStorm does.
func readConfig(path string) (*Config, error) {
	f, err := openFile(path, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return nil, fmt.Errorf("read config %s: it is a link that leads nowhere", path)
		}
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, errors.Join(&fs.PathError{Op: "look at config", Path: path, Err: err}, f.Close())
	}
	data, err := readAndClose(f, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	n := nodeOf("", &st)
	return &Config{Path: path, Bytes: data, Mode: n.fileMode(), UID: int(st.Uid), GID: int(st.Gid)}, nil
}
