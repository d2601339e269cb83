package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/packsync/packsync/internal/gittest"
)

// password is the secret of the demo: it must reach its config file and appear
// nowhere else.
const password = "correct-horse-battery"

// world is everything around packsync: git servers, an index, a StackStorm
// double, a root, and a declaration.
type world struct {
	binary      string
	dir         string // everything lies below it
	declaration string // folder of packs.hcl
	declared    string // packs.hcl, with the names of places as in packs.go
	root        string
	git         *gittest.Server
	weather     *gittest.Repo
	stackstorm  *stackstorm
	before      map[string]string // see remember
}

func newWorld(binary string) (_ *world, err error) {
	dir, err := os.MkdirTemp("", "packsync-demo-")
	if err != nil {
		return nil, err
	}
	w := &world{binary: binary, dir: dir, declaration: filepath.Join(dir, "site"), root: filepath.Join(dir, "stackstorm")}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close(false))
		}
	}()
	for _, d := range []string{w.declaration, w.root, filepath.Join(dir, "git"), filepath.Join(dir, "home")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	if w.git, err = gittest.StartHTTP(filepath.Join(dir, "git"), false); err != nil {
		return nil, err
	}
	if w.stackstorm, err = startStackStorm(w.root); err != nil {
		return nil, err
	}
	if err := w.publish(); err != nil {
		return nil, fmt.Errorf("make the repositories: %w", err)
	}
	w.declared = declaration
	return w, w.edit("", "")
}

// close ends the servers and removes everything, or says where it lies.
func (w *world) close(keep bool) error {
	if w.git != nil {
		w.git.Close()
	}
	if w.stackstorm != nil {
		w.stackstorm.close()
	}
	if keep {
		fmt.Printf("\nEverything lies in %s\n", w.dir)
		return nil
	}
	return os.RemoveAll(w.dir)
}

// environ is what packsync is told by its environment: nothing of the user's.
func (w *world) environ() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + filepath.Join(w.dir, "home"),
		"PACKSYNC_CACHE_DIR=" + filepath.Join(w.dir, "cache"),
		"PACKSYNC_VAR_weather_password=" + password,
		"PACKSYNC_VAR_st2_api_key=" + apiKey,
	}
}

// publish makes the repositories and the index that names one of them.
func (w *world) publish() (err error) {
	root := filepath.Join(w.dir, "git")
	if w.weather, err = gittest.Init(filepath.Join(root, "stackstorm-weather.git")); err != nil {
		return err
	}
	for _, version := range []string{"1.0.0", "1.1.0"} {
		if err := w.release(version); err != nil {
			return err
		}
	}
	greeter, err := gittest.Init(filepath.Join(root, "greeter.git"))
	if err != nil {
		return err
	}
	if _, err := greeter.Commit("main", "", "Greet people by name", greeterPack); err != nil {
		return err
	}
	for name, content := range labPack {
		if err := write(filepath.Join(w.declaration, "packs", "lab", name), content); err != nil {
			return err
		}
	}
	return nil
}

// release commits and tags one version of the weather pack, and tells the index.
func (w *world) release(version string) error {
	if _, err := w.weather.Commit("main", "", "Release "+version, weatherPack(version)); err != nil {
		return err
	}
	if err := w.weather.AnnotatedTag("v"+version, "main"); err != nil {
		return err
	}
	index, err := json.MarshalIndent(map[string]any{
		"metadata": map[string]any{},
		"packs": map[string]any{"weather": map[string]any{
			"ref": "weather", "name": "weather", "version": version, "description": "Weather reports.",
			"author": "packsync", "email": "packsync@example.com", "repo_url": w.git.URL + "/stackstorm-weather.git",
		}},
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.dir, "index.json"), index, 0o644)
}

// edit replaces a part of packs.hcl.
func (w *world) edit(old, new string) error {
	if !strings.Contains(w.declared, old) {
		return fmt.Errorf("packs.hcl does not say %q", old)
	}
	w.declared = strings.Replace(w.declared, old, new, 1)
	return write(filepath.Join(w.declaration, "packs.hcl"), strings.NewReplacer(
		"ROOT", w.root, "INDEX", "file://"+filepath.Join(w.dir, "index.json"),
		"GIT", w.git.URL, "STACKSTORM", w.stackstorm.url,
	).Replace(w.declared))
}

func write(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	return os.WriteFile(path, []byte(content), mode)
}

// remember notes every file of the root, and the lock, with what a write would
// change: inode, size and time of change.
func (w *world) remember() error {
	w.before = map[string]string{}
	return w.visit(func(path, facts string) { w.before[path] = facts })
}

// untouched fails if a run wrote anything since remember. The holder line of the
// run lock and the cache of fingerprints may change.
func (w *world) untouched() error {
	var problems []error
	seen := 0
	err := w.visit(func(path, facts string) {
		seen++
		if w.before[path] != facts {
			problems = append(problems, fmt.Errorf("%s was written: %s, before %s", path, facts, w.before[path]))
		}
	})
	if seen != len(w.before) {
		problems = append(problems, fmt.Errorf("there are %d files, before %d", seen, len(w.before)))
	}
	return errors.Join(append(problems, err)...)
}

func (w *world) visit(see func(path, facts string)) error {
	exempt := []string{filepath.Join(w.root, ".packsync", "lock"), filepath.Join(w.root, ".packsync", "index"), filepath.Join(w.root, ".packsync")}
	look := func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, e := range exempt {
			if path == e {
				return nil
			}
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("stat %s: no inode", path)
		}
		see(path, fmt.Sprintf("inode %d, %d bytes, changed %d.%09d", stat.Ino, stat.Size, stat.Ctim.Sec, stat.Ctim.Nsec))
		return nil
	}
	return errors.Join(filepath.WalkDir(w.root, look), filepath.WalkDir(filepath.Join(w.declaration, "packs.lock.json"), look))
}

// installed reads a file below the root.
func (w *world) installed(path string) (string, error) {
	content, err := os.ReadFile(filepath.Join(w.root, path))
	return string(content), err
}
