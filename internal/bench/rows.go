package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/st2/st2test"
)

// measure takes all rows of one set, with their targets.
func (s *set) measure(ctx context.Context) {
	switch s.name {
	case "25":
		s.resolveRow(ctx, wallAtMost(0.25))
		s.coldRow(ctx)
		s.editRow(ctx)
	case "real":
		s.resolveRow(ctx, wallAtMost(0.25))
		s.coldRow(ctx, wallAtMost(0.65), cpuAtMost(0.45), peakAtMost(48))
		s.reinstallRow(ctx, wallAtMost(1.2))
		s.verifyRow(ctx, wallAtMost(0.33))
		s.stackstormRow(ctx, wallAtMost(0.25))
		s.awsRow(ctx)
	case "200":
		s.coldRow(ctx, wallAtMost(0.4))
		s.reinstallRow(ctx, wallAtMost(1.2))
		s.driftRow(ctx, wallAtMost(0.05))
		s.terraformRow(ctx, wallAtMost(0.11))
		s.editRow(ctx)
	case "1000":
		s.terraformRow(ctx, wallAtMost(0.07))
		s.floorRow(ctx, beyondAtMost(1.6, 0.060))
		s.verifyRow(ctx, wallAtMost(0.33))
	case "growth":
		s.growthRows(ctx)
	}
}

// versionRow: how long a command takes that does nothing.
func (b *bencher) versionRow(ctx context.Context) {
	b.compare(ctx, comparison{
		name: "version", set: "-", ours: "packsync version", peer: "terraform version", limits: []target{wallAtMost(0.15)},
		prepare: func(context.Context) (ours, peer side, err error) {
			terraform, err := findTerraform()
			env := []string{"CHECKPOINT_DISABLE=1", "HOME=" + b.dir, "PATH=" + os.Getenv("PATH")}
			return side{argv: []string{b.binary, "version"}, env: env, dir: b.dir}, side{argv: []string{terraform, "version"}, env: env, dir: b.dir}, err
		},
	})
}

// resolveRow: ask every remote what the tags mean now. The cache is warm: update
// then fetches nothing.
func (s *set) resolveRow(ctx context.Context, limits ...target) {
	s.compare(ctx, comparison{
		name: "resolve", set: s.name, ours: "packsync update, warm cache", peer: "git ls-remote -P8", limits: limits,
		prepare: func(ctx context.Context) (ours, peer side, err error) {
			if err := s.lock(ctx); err != nil {
				return ours, peer, err
			}
			urls, err := s.list("urls", func(p packURL) string { return p.url })
			return s.packsync("update"), s.script(nil, "xargs -P8 -n1 git ls-remote >/dev/null <"+urls), err
		},
	})
}

// cloneAll is a shallow clone of every pack at its tag, four at once.
func (s *set) cloneAll() (side, error) {
	args, err := s.list("clone-args", func(p packURL) string { return p.tag + " " + p.url + " " + filepath.Join(s.clones(), p.ref) })
	clean := func() error { return errors.Join(os.RemoveAll(s.clones()), os.MkdirAll(s.clones(), 0o755)) }
	return s.script(clean, "xargs -P4 -n3 git -c advice.detachedHead=false clone -q --depth 1 --single-branch -b <"+args), err
}

// applying is an apply that must change something.
func (s *set) applying(flag string) side {
	apply := s.packsync("apply", "--auto-approve", flag, "--detailed-exitcode")
	apply.exit = 2
	return apply
}

// coldApply is an apply with everything pinned, nothing cached and nothing
// installed.
func (s *set) coldApply() side {
	apply := s.applying("--locked")
	apply.before = s.fresh(true)
	return apply
}

// coldRow: install everything with an empty cache, against shallow clones.
func (s *set) coldRow(ctx context.Context, limits ...target) {
	s.compare(ctx, comparison{
		name: "cold", set: s.name, ours: "packsync apply, empty cache", peer: "git clone --depth 1 -P4", limits: limits,
		prepare: func(ctx context.Context) (ours, peer side, err error) {
			if err := s.lock(ctx); err != nil {
				return ours, peer, err
			}
			peer, err = s.cloneAll()
			return s.coldApply(), peer, err
		},
	})
}

// awsRow: one pack that is as large as the other 24 together.
func (s *set) awsRow(ctx context.Context) {
	if s.serve() != nil || !s.rows.MatchString("cold") {
		return // the rows before said why
	}
	aws, err := s.only("aws")
	if err != nil {
		s.report.add(row{Name: "cold", Set: "aws", Error: err.Error()})
		return
	}
	aws.coldRow(ctx, wallAtMost(0.9))
	if err := aws.close(); err != nil {
		s.report.add(row{Name: "set", Set: "aws", Error: err.Error()})
	}
}

// stackstormRow: install everything, against what StackStorm's own pack download
// does (reference.md 3.4 to 3.9), one pack after the other as it does: a full
// clone, the search for what the version means, two checkouts, the move, the group
// and the modes of every file. Its Python, API, queue and virtualenv are not in it,
// so it is less than StackStorm needs.
func (s *set) stackstormRow(ctx context.Context, limits ...target) {
	s.compare(ctx, comparison{
		name: "stackstorm", set: s.name, ours: "packsync apply, empty cache", peer: "StackStorm's own download steps", limits: limits,
		prepare: func(ctx context.Context) (ours, peer side, err error) {
			if err := s.lock(ctx); err != nil {
				return ours, peer, err
			}
			packs := filepath.Join(s.dir, "st2packs")
			args, err := s.list("st2-args", func(p packURL) string { return p.ref + " " + p.url + " " + p.tag })
			clean := func() error { return errors.Join(os.RemoveAll(packs), os.MkdirAll(packs, 0o755)) }
			return s.coldApply(), s.script(clean, "packs="+packs+"\nwhile read -r ref url tag; do"+downloadSteps+"done <"+args), err
		},
	})
}

const downloadSteps = `
	git clone -q "$url" "$packs/.tmp"
	cd "$packs/.tmp"
	default=$(git symbolic-ref --short HEAD)
	git rev-parse --verify -q "origin/$tag^{commit}" >/dev/null || true
	commit=$(git rev-parse --verify -q "$tag^{commit}")
	on=$(git branch -a --contains "$commit")
	git checkout -q "$commit"
	if [ -n "$on" ]; then
		git branch -q -f "$default" "$commit"
		git checkout -q "$default"
	fi
	cat pack.yaml pack.yaml >/dev/null
	cd "$packs"
	mv .tmp "$ref"
	chgrp -R "$(id -g)" "$ref"
	find "$ref" -type d -exec chmod 0775 {} +
	find "$ref" -type f -exec chmod 0775 {} +
`

// reinstallRow: install everything from the cache, against a plain copy of the
// trees.
func (s *set) reinstallRow(ctx context.Context, limits ...target) {
	s.compare(ctx, comparison{
		name: "reinstall", set: s.name, ours: "packsync apply from the cache", peer: "cp -r", limits: limits,
		prepare: func(ctx context.Context) (ours, peer side, err error) {
			if err := s.installed(ctx); err != nil {
				return ours, peer, err
			}
			ours = s.applying("--frozen")
			ours.before = s.fresh(false)
			copied := filepath.Join(s.dir, "copied")
			s.ends = append(s.ends, func() error { return os.RemoveAll(copied) })
			return ours, s.script(func() error { return os.RemoveAll(copied) }, "cp -r "+s.root()+"/packs "+copied), nil
		},
	})
}

// driftRow: is everything as it should be? Against git status in each clone.
func (s *set) driftRow(ctx context.Context, limits ...target) {
	s.compare(ctx, comparison{
		name: "drift", set: s.name, ours: "packsync check", peer: "git status in each", limits: limits,
		prepare: func(ctx context.Context) (ours, peer side, err error) {
			if err := errors.Join(s.installed(ctx), s.cloned(ctx)); err != nil {
				return ours, peer, err
			}
			return s.packsync("check"), s.script(nil, "for d in "+s.clones()+"/*; do git -C \"$d\" status --porcelain >/dev/null; done"), nil
		},
	})
}

func findTerraform() (string, error) {
	path, err := exec.LookPath("terraform")
	if err != nil {
		return "", errors.New("terraform is not on this machine")
	}
	return path, nil
}

// terraformRow: plan with nothing to change, against terraform plan of as many
// resources that were applied.
func (s *set) terraformRow(ctx context.Context, limits ...target) {
	s.compare(ctx, comparison{
		name: "plan", set: s.name, ours: "packsync plan, nothing to change", peer: "terraform plan of as many resources", limits: limits,
		prepare: func(ctx context.Context) (ours, peer side, err error) {
			terraform, err := findTerraform()
			if err != nil {
				return ours, peer, err
			}
			if err := s.installed(ctx); err != nil {
				return ours, peer, err
			}
			dir := filepath.Join(s.dir, "terraform")
			if err := s.once("terraform", func() error { return s.writeTerraform(ctx, terraform, dir) }); err != nil {
				return ours, peer, err
			}
			peer = side{argv: []string{terraform, "plan", "-input=false", "-no-color", "-detailed-exitcode"}, env: s.env(), dir: dir}
			return s.packsync("plan", "--detailed-exitcode"), peer, nil
		},
	})
}

// writeTerraform writes a configuration and the state after its apply, which
// itself would take most of a minute for 1,000 resources.
func (s *set) writeTerraform(ctx context.Context, terraform, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var config, state strings.Builder
	for i, p := range s.packs {
		fmt.Fprintf(&config, "resource \"terraform_data\" %q {\n  input = %q\n}\n", p.ref, p.url)
		if i > 0 {
			state.WriteString(",\n")
		}
		fmt.Fprintf(&state, `{"mode": "managed", "type": "terraform_data", "name": %q, "provider": "provider[\"terraform.io/builtin/terraform\"]",
 "instances": [{"schema_version": 0, "attributes": {"id": "00000000-0000-4000-8000-%012d",
  "input": {"value": %q, "type": "string"}, "output": {"value": %q, "type": "string"}, "triggers_replace": null}, "sensitive_attributes": []}]}`,
			p.ref, i, p.url, p.url)
	}
	text := fmt.Sprintf(`{"version": 4, "terraform_version": "1.0.0", "serial": 1, "lineage": "00000000-0000-4000-8000-000000000000", "outputs": {}, "resources": [
%s
]}
`, state.String())
	for name, content := range map[string]string{"main.tf": config.String(), "terraform.tfstate": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	_, err := s.run(ctx, side{argv: []string{terraform, "init", "-input=false"}, env: s.env(), dir: dir})
	return err
}

// floorRow: the same plan, against the bare system calls that looking at every file
// takes.
func (s *set) floorRow(ctx context.Context, limits ...target) {
	s.compare(ctx, comparison{
		name: "floor", set: s.name, ours: "packsync plan, nothing to change", peer: "newfstatat of every file", limits: limits,
		prepare: func(ctx context.Context) (ours, peer side, err error) {
			if err := s.installed(ctx); err != nil {
				return ours, peer, err
			}
			list := filepath.Join(s.dir, "files")
			if err := writeFileList(filepath.Join(s.root(), "packs"), list); err != nil {
				return ours, peer, err
			}
			return s.packsync("plan", "--detailed-exitcode"), side{argv: []string{s.bencher.peer, "lstat", list}, env: s.env(), dir: s.dir}, nil
		},
	})
}

// writeFileList writes what peer lstat reads.
func writeFileList(root, path string) error {
	names := map[string][]string{}
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			dirs = append(dirs, path)
		default:
			names[filepath.Dir(path)] = append(names[filepath.Dir(path)], d.Name())
		}
		return nil
	})
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, dir := range dirs {
		b.WriteString(dir + "\x00")
		for _, name := range names[dir] {
			b.WriteString(name + "\x00")
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// verifyRow: hash every file of every pack, against the hash of the Go module
// proxy, as its own library does it.
func (s *set) verifyRow(ctx context.Context, limits ...target) {
	s.compare(ctx, comparison{
		name: "verify", set: s.name, ours: "packsync verify", peer: "dirhash.HashDir of each", limits: limits,
		prepare: func(ctx context.Context) (ours, peer side, err error) {
			if err := s.installed(ctx); err != nil {
				return ours, peer, err
			}
			argv := []string{s.bencher.peer, "dirhash"}
			for _, p := range s.packs {
				argv = append(argv, filepath.Join(s.root(), "packs", p.ref))
			}
			return s.packsync("verify"), side{argv: argv, env: s.env(), dir: s.dir}, nil
		},
	})
}

// st2ctlReload is the quickest that `st2ctl reload` was seen to be, of 3 to 13
// seconds on a running StackStorm (server-behaviour.md): a constant, since a bench
// has no StackStorm.
const st2ctlReload = 3.0

// editRow: one value of one config is edited, and apply brings it to a StackStorm
// double, on a host where all is installed and registered.
func (s *set) editRow(ctx context.Context) {
	s.compare(ctx, comparison{
		name: "edit", set: s.name, ours: "packsync apply after one edit, registered", peer: "st2ctl reload, as recorded (a constant)",
		constant: st2ctlReload, limits: []target{wallAtMost(0.1)},
		prepare: func(ctx context.Context) (ours, peer side, err error) {
			if err := s.lock(ctx); err != nil {
				return ours, peer, err
			}
			site, root := filepath.Join(s.dir, "edit"), filepath.Join(s.dir, "edited")
			double := st2test.New(st2test.Options{BasePaths: []string{filepath.Join(root, "packs")}, ConfigsDir: filepath.Join(root, "configs")})
			url, stop, err := double.Listen()
			if err != nil {
				return ours, peer, err
			}
			s.ends = append(s.ends, func() error { stop(); return nil })
			edits := 0
			edit := func() error {
				edits++
				return s.declareIn(site, root, fmt.Sprintf("  registration \"api\" {\n    url = %q\n  }\n", url),
					fmt.Sprintf("  config = {\n    greeting = \"number %d\"\n  }\n", edits))
			}
			if err := errors.Join(os.MkdirAll(root, 0o755), edit(), copyFile(filepath.Join(s.site(), "packs.lock.json"), filepath.Join(site, "packs.lock.json"))); err != nil {
				return ours, peer, err
			}
			ours = s.applying("--locked")
			ours.dir, ours.before = site, edit
			_, err = s.run(ctx, ours) // installs and registers all
			return ours, peer, err
		},
	})
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
