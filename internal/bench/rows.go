package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// measure takes all rows of one set.
func (s *set) measure() error {
	site, err := s.declaration()
	if err != nil {
		return err
	}
	for _, row := range []func(string) error{s.resolveRow, s.coldRow, s.warmRow, s.noOpRow, s.verifyRow} {
		if err := row(site); err != nil {
			return err
		}
	}
	return nil
}

// script is a peer that is a few lines of shell.
func (s *set) script(before func() error, text string) side {
	return side{before: before, argv: []string{"sh", "-ec", text}, env: s.env(), dir: s.dir}
}

func (s *set) list(name string, line func(packURL) string) (string, error) {
	var b strings.Builder
	for _, p := range s.packs {
		b.WriteString(line(p) + "\n")
	}
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, []byte(b.String()), 0o644)
}

// resolveRow: pin every pack, against git ls-remote with 8 workers. packsync
// fetches what it pins; with a warm cache only the asking is left.
func (s *set) resolveRow(site string) error {
	urls, err := s.list("urls", func(p packURL) string { return p.url })
	if err != nil {
		return err
	}
	unlock := func() error {
		err := os.Remove(filepath.Join(site, "packs.lock.json"))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	return s.compare(s.name+": lock / git ls-remote -P8",
		s.ours(unlock, site, 0, "lock"),
		s.script(nil, "xargs -P8 -n1 git ls-remote >/dev/null <"+urls))
}

// coldRow: install everything with an empty cache, against shallow clones, four
// at once.
func (s *set) coldRow(site string) error {
	args, err := s.list("clone-args", func(p packURL) string { return p.tag + " " + p.url + " " + filepath.Join(s.clones(), p.ref) })
	if err != nil {
		return err
	}
	clean := func() error {
		return errors.Join(os.RemoveAll(s.clones()), os.MkdirAll(s.clones(), 0o755))
	}
	return s.compare(s.name+": cold apply / git clone --depth 1 -P4",
		s.ours(s.fresh(true), site, 0, "apply", "--auto-approve", "--locked"),
		s.script(clean, "xargs -P4 -n3 git -c advice.detachedHead=false clone -q --depth 1 -b <"+args))
}

// warmRow: install everything from the cache, against a plain copy of the trees.
func (s *set) warmRow(site string) error {
	copied := filepath.Join(s.dir, "copied")
	return s.compare(s.name+": apply from the cache / cp -r",
		s.ours(s.fresh(false), site, 0, "apply", "--auto-approve", "--locked", "--offline"),
		s.script(func() error { return os.RemoveAll(copied) }, "cp -r "+s.root()+"/packs "+copied))
}

// noOpRow: plan with nothing to change, against git status in each clone, and
// against terraform plan of as many resources.
func (s *set) noOpRow(site string) error {
	plan := s.ours(nil, site, 0, "plan", "--detailed-exitcode")
	err := s.compare(s.name+": no-op plan / git status in each", plan,
		s.script(nil, "for d in "+s.clones()+"/*; do git -C \"$d\" status --porcelain >/dev/null; done"))
	if err != nil {
		return err
	}
	terraform, err := exec.LookPath("terraform")
	if errors.Is(err, exec.ErrNotFound) {
		return nil // no such peer here
	}
	if err != nil {
		return err
	}
	dir := filepath.Join(s.dir, "terraform")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var b strings.Builder
	for _, p := range s.packs {
		fmt.Fprintf(&b, "resource \"terraform_data\" %q {\n  input = %q\n}\n", p.ref, p.url)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(b.String()), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-input=false"}, {"apply", "-auto-approve", "-input=false"}} {
		if _, err := (side{argv: append([]string{terraform}, args...), env: s.env(), dir: dir}).run(); err != nil {
			return err
		}
	}
	return s.compare(s.name+": no-op plan / terraform plan", plan,
		side{argv: []string{terraform, "plan", "-input=false", "-no-color", "-detailed-exitcode"}, env: s.env(), dir: dir})
}

// verifyRow: hash every file, against sha256sum of the same files. The index is
// taken away before each run, so that nothing is trusted.
func (s *set) verifyRow(site string) error {
	forget := func() error {
		err := os.Remove(filepath.Join(s.root(), ".packsync", "index"))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	return s.compare(s.name+": plan that hashes every file / sha256sum",
		s.ours(forget, site, 0, "plan", "--detailed-exitcode"),
		s.script(nil, "find "+s.root()+"/packs -type f -print0 | xargs -0 sha256sum >/dev/null"))
}
