package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/st2"
)

// Health is how one thing is that packsync needs.
type Health string

// The states of health. With a problem an apply would fail, or do less than it is
// asked to; a warning is for a person to judge.
const (
	Fine     Health = "ok"
	Doubtful Health = "warning"
	Ill      Health = "problem"
)

// Examined is one thing that Doctor looked at.
type Examined struct {
	ID      string `json:"id"` // never changes: "root", "registration"
	Health  Health `json:"health"`
	Message string `json:"message"` // one sentence, with what to do if it is not ok
}

// Diagnosis is everything that Doctor looked at, in its order.
type Diagnosis struct {
	Declaration
	Checks []Examined
}

// Count returns how many checks have this health.
func (d *Diagnosis) Count(h Health) (n int) {
	for _, c := range d.Checks {
		if c.Health == h {
			n++
		}
	}
	return n
}

func (d *Diagnosis) add(id string, h Health, format string, args ...any) {
	d.Checks = append(d.Checks, Examined{id, h, fmt.Sprintf(format, args...)})
}

// judge adds a check that is fine with a message or ill with an error.
func (d *Diagnosis) judge(id, message string, err error) {
	if err != nil {
		d.add(id, Ill, "%v", err)
		return
	}
	d.add(id, Fine, "%s", message)
}

// Doctor looks at everything that an apply would need, and changes nothing. The
// error is about a declaration that cannot be read, or the end of ctx.
func Doctor(ctx context.Context, opts Options) (*Diagnosis, error) {
	opts.Config.Mode = config.Partial
	decl, unasked, err := loadToAsk(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, Callbacks{}, decl)
	if err != nil {
		return nil, err
	}
	defer w.close()
	d := &Diagnosis{Declaration: decl}
	d.add("declaration", Fine, "%s declares %s", opts.Config.File, packsWord(len(decl.Config.Packs)))
	for _, warning := range decl.Warnings {
		d.add("declaration", Doubtful, "%s: %s", warning.Summary, warning.Detail)
	}
	d.Warnings = nil // said here
	switch lock, diags := lockfile.Read(opts.LockFile); {
	case diags.HasErrors():
		d.add("lock", Ill, "%s: %s", diags[0].Summary, diags[0].Detail)
	case len(lock.Packs) == 0:
		d.add("lock", Fine, "%s pins nothing yet", opts.LockFile)
	default:
		d.add("lock", Fine, "%s pins %s", opts.LockFile, packsWord(len(lock.Packs)))
	}
	if w.cfg.Host.Root == "" {
		d.add("root", Ill, "root is not known, because a variable has no value: give it one to look at the host")
	} else {
		d.host(w)
		d.record(w)
	}
	d.python(ctx, w)
	d.registration(ctx, w, unasked)
	d.network(ctx, w)
	d.credentials(w)
	d.cache(w)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("look at this host: %w", context.Cause(ctx))
	}
	return d, nil
}

// host looks at the directories, and at whom files are to belong to.
func (d *Diagnosis) host(w *world) {
	if err := checkRoot(w.cfg); err != nil {
		d.add("root", Ill, "%v", err)
		return
	}
	host := w.cfg.Host
	places := []string{w.work, host.ConfigsDir, host.VirtualenvsDir, host.OverridesDir}
	for _, base := range w.cfg.BasePaths {
		places = append(places, base.Path)
	}
	var unwritable, apart []string
	full := map[string]string{}
	unsure := map[string]string{}
	for _, dir := range places {
		if dir == "" {
			continue
		}
		p, err := apply.Examine(dir, w.work)
		if err != nil {
			d.add("root", Ill, "%v", err)
			return
		}
		if p.Unwritable != nil && !slices.ContainsFunc(unwritable, func(have string) bool { return strings.HasPrefix(have, p.Nearest+" ") }) {
			unwritable = append(unwritable, p.Unwritable.Error())
		}
		if !p.SameMount {
			apart = append(apart, dir)
		}
		if p.Network {
			unsure[p.FileSystem] = dir
		}
		if p.Bytes < leastBytes || p.HasInodes && p.Inodes < leastInodes {
			full[p.Nearest] = fmt.Sprintf("%s has %d MiB and %d inodes left", p.Nearest, p.Bytes>>20, p.Inodes)
		}
	}
	if len(unwritable) > 0 { // the first one is the root: mostly the others have the same cause
		more := ""
		if n := len(unwritable) - 1; n > 0 {
			more = fmt.Sprintf(" (and %d more)", n)
		}
		d.add("root", Ill, "%s%s", unwritable[0], more)
	} else {
		d.add("root", Fine, "%s and the directories of packs, configs, virtualenvs and overrides can be written to by uid %d", host.Root, os.Geteuid())
	}
	if len(apart) > 0 {
		d.add("devices", Fine, "%s: on another mount than %s, so what is staged for it lies in its own .packsync/", strings.Join(apart, ", "), w.work)
	} else {
		d.add("devices", Fine, "everything is on one mount with %s", w.work)
	}
	for _, name := range slices.Sorted(maps.Keys(unsure)) {
		d.add("exchange", Doubtful, "%s is on %s, which may not exchange two directories in one step: then a pack is away for an instant while it is swapped", unsure[name], name)
	}
	if len(unsure) == 0 {
		d.add("exchange", Fine, "the file systems exchange two directories in one step")
	}
	for _, dir := range slices.Sorted(maps.Keys(full)) {
		d.add("space", Doubtful, "%s: make room before a large pack or virtualenv needs it", full[dir])
	}
	if len(full) == 0 {
		d.add("space", Fine, "there is room on every file system")
	}
	notes := w.ownershipNotes()
	for _, note := range notes {
		d.add("owner", Doubtful, "%s", note)
	}
	if len(notes) == 0 {
		d.add("owner", Fine, "the declared users and groups exist")
	}
}

// Less free than this is worth a word: StackStorm itself needs some.
const (
	leastBytes  = 256 << 20
	leastInodes = 5000
)

// record looks at what packsync wrote before, and what it may have left.
func (d *Diagnosis) record(w *world) {
	if info, err := os.Lstat(w.work); err == nil && info.Mode().Perm()&0o022 != 0 {
		d.add("work", Ill, "others may write to %s, and what lies there is trusted: see who did that, then chmod 0700 %s", w.work, w.work)
	}
	record, err := w.store.Read()
	switch {
	case err != nil:
		d.add("record", Ill, "%v", err)
	case record.Serial == 0:
		d.add("record", Fine, "nothing was applied here yet")
	case checkName(w.opts, w.cfg, record) != nil:
		d.add("record", Ill, "%v", checkName(w.opts, w.cfg, record))
	case len(record.Notes) > 0:
		d.add("record", Doubtful, "%s", strings.Join(record.Notes, "; "))
	default:
		d.add("record", Fine, "%s managed, serial %d", packsWord(len(record.Packs)), record.Serial)
	}
	if info, err := os.Stat(filepath.Join(w.work, "state.json")); err == nil && info.ModTime().After(time.Now().Add(5*time.Minute)) {
		d.add("clock", Doubtful, "the clock says %s, but the record was written at %s: set the clock, or certificates and ages are misjudged", time.Now().UTC().Format(time.DateTime), info.ModTime().UTC().Format(time.DateTime))
	} else {
		d.add("clock", Fine, "the clock is not behind what was written before")
	}
	unfinished, err := apply.Unfinished(w.work)
	switch {
	case err != nil:
		d.add("unfinished", Ill, "%v", err)
	case len(unfinished) > 0:
		d.add("unfinished", Ill, "an apply was interrupted (%s): packsync apply finishes it first", strings.Join(unfinished, ", "))
	default:
		d.add("unfinished", Fine, "no apply was interrupted")
	}
	dirs := []string{w.cfg.Host.ConfigsDir, w.cfg.Host.VirtualenvsDir, w.cfg.Host.OverridesDir}
	for _, base := range w.cfg.BasePaths {
		dirs = append(dirs, base.Path)
	}
	penned, err := apply.Penned(w.work, dirs)
	switch {
	case err != nil:
		d.add("pen", Ill, "%v", err)
	case len(penned) > 0:
		d.add("pen", Doubtful, "what people wrote and packsync displaced is kept: look at it, take what you need, and delete it (%s)", strings.Join(penned, ", "))
	default:
		d.add("pen", Fine, "nothing that people wrote was displaced")
	}
}

// python looks whether virtualenvs can be built, if any pack wants one.
func (d *Diagnosis) python(ctx context.Context, w *world) {
	said := map[string]bool{}
	for _, p := range w.cfg.Packs {
		if !p.Virtualenv {
			continue
		}
		message, err := w.builder(p.Python).Usable(ctx)
		if text := fmt.Sprint(message, err); !said[text] {
			said[text] = true
			d.judge("python", message, err)
		}
	}
	if len(said) > 0 {
		return
	}
	if message, err := w.builder(config.Python{}).Usable(ctx); err != nil {
		d.add("python", Fine, "no pack wants a virtualenv, and none could be built: %v", err)
	} else {
		d.add("python", Fine, "%s", message)
	}
}

// registration looks whether StackStorm could be told what changed.
func (d *Diagnosis) registration(ctx context.Context, w *world, unasked error) {
	kind := w.cfg.Host.Registration.Kind
	if unasked != nil {
		d.add("registration", Ill, "StackStorm cannot be told: %v", unasked)
		return
	}
	if kind == config.RegisterAPI && w.opts.Offline {
		d.add("registration", Fine, "not asked: --offline")
		return
	}
	client, err := w.client()
	if err != nil {
		d.add("registration", Ill, "%v", err)
		return
	}
	checker, can := client.(st2.Checker)
	if !can {
		d.add("registration", Doubtful, "StackStorm is told nothing: declare registration \"api\" or \"command\" in the stackstorm block, or run st2ctl reload --register-all after each apply")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	message, err := checker.Check(ctx)
	d.judge("registration", message, err)
}

// network looks at the indexes.
func (d *Diagnosis) network(ctx context.Context, w *world) {
	if len(w.cfg.Indexes) == 0 {
		d.add("index", Fine, "no index is declared, so every pack needs a source")
		return
	}
	if w.opts.Offline {
		d.add("index", Fine, "not asked: --offline")
		return
	}
	_, problems := index.Load(ctx, w.cfg.Indexes, w.indexOptions())
	bad := map[string]bool{}
	for _, p := range problems {
		bad[p.Index.Name] = true
		health := Ill
		if p.Class == index.Uncached || !p.Cached.IsZero() || p.Index.Optional {
			health = Doubtful
		}
		d.add("index", health, "the %v", p)
	}
	for _, i := range w.cfg.Indexes {
		if !bad[i.Name] {
			d.add("index", Fine, "the index %q (%s) can be read", i.Name, i.URL)
		}
	}
}

// credentials looks at the files and variables that logins come from. No command
// is run, and no server is asked.
func (d *Diagnosis) credentials(w *world) {
	for _, c := range w.cfg.Credentials {
		var errs []error
		for _, file := range []string{c.TokenFile, c.SSHKeyFile, c.KnownHostsFile, c.CAFile} {
			if file == "" {
				continue
			}
			f, err := os.Open(file)
			if err == nil {
				err = f.Close()
			}
			errs = append(errs, err)
		}
		if c.TokenEnv != "" && !slices.ContainsFunc(w.opts.Config.Environ, func(e string) bool { return strings.HasPrefix(e, c.TokenEnv+"=") && e != c.TokenEnv+"=" }) {
			errs = append(errs, fmt.Errorf("the environment variable %s (token_env) is not set", c.TokenEnv))
		}
		switch err := errors.Join(errs...); {
		case err != nil:
			d.add("credentials", Ill, "credentials %q cannot be used: %s", c.Host, strings.ReplaceAll(err.Error(), "\n", "; "))
		case c.Unknown:
			d.add("credentials", Doubtful, "credentials %q: a variable has no value, so it is not known whether they can be used", c.Host)
		default:
			d.add("credentials", Fine, "credentials %q: what they are taken from is there", c.Host)
		}
	}
}

// cache looks at the cache, which is not needed, only fast.
func (d *Diagnosis) cache(w *world) {
	if w.opts.CacheDir == "" {
		d.add("cache", Doubtful, "there is no cache, so every commit is fetched each time: set PACKSYNC_CACHE_DIR")
		return
	}
	p, err := apply.Examine(w.opts.CacheDir, w.opts.CacheDir)
	if err == nil {
		err = p.Unwritable
	}
	if err != nil {
		d.add("cache", Doubtful, "nothing can be kept, so every commit is fetched each time: %v; or set PACKSYNC_CACHE_DIR", err)
		return
	}
	c, err := LookAtCache(w.opts)
	if err != nil {
		d.add("cache", Doubtful, "%v", err)
		return
	}
	d.add("cache", Fine, "%s holds %d MiB in %d files", c.Dir, (c.Commits.Bytes+c.Indexes.Bytes)>>20, c.Commits.Files+c.Indexes.Files)
}
