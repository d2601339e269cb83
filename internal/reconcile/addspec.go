package reconcile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
)

// parseWanted reads what the user wants to add: what a pack.yaml may require, and so
// `st2 pack install` takes (NAME, OWNER/REPOSITORY or a URL, each alone, with
// =REVISION or a range), with @CONSTRAINT too, as other package managers write it;
// or a directory. home is where the file lies that the block is added to.
func parseWanted(text string, request AddRequest, home string) (wanted, error) {
	want := wanted{block: config.Block{Subdir: request.Subdir, BasePath: request.BasePath, NoVenv: !request.Virtualenv}}
	if want.block.BasePath == pack.DefaultBasePath {
		want.block.BasePath = ""
	}
	if isDirectory(text) {
		return wantedDirectory(want, text, request, home)
	}
	what, constraint, given := cutConstraint(text)
	d, err := pack.ParseDependency(what)
	if err != nil {
		return want, errors.New(strings.Replace(err.Error(), "invalid dependency", "invalid pack", 1))
	}
	if info, err := os.Stat(filepath.Join(request.Dir, what)); d.Name == "" && err == nil && info.IsDir() && !strings.Contains(what, ":") {
		return want, fmt.Errorf("it may be the repository %s or the directory beside you: write ./%s for the directory, or the whole URL", d.Source.URL, what)
	}
	switch selectors := []bool{given, d.Selector.Kind != pack.SelectNone, request.Selector.Kind != pack.SelectNone}; {
	case count(selectors) > 1:
		return want, errors.New("it says twice which version is wanted: choose one way")
	case given:
		if _, err := pack.ParseConstraint(constraint); err != nil {
			return want, fmt.Errorf("%w; a tag, branch or commit is written after = (%s=%s) or as --tag, --branch, --commit", err, d, constraint)
		}
		want.block.Selector = pack.Selector{Kind: pack.SelectVersion, Text: constraint}
	case d.Selector.Kind != pack.SelectNone:
		want.block.Selector = d.Selector
	default:
		want.block.Selector = request.Selector
	}
	if d.Name == "" {
		want.from, want.block.Source = d.Source, d.Source.URL
		want.from.Subdir = request.Subdir
		return want, nil
	}
	if request.Subdir != "" {
		return want, errors.New("--subdir needs a URL: for a pack of an index, the index says where it lies")
	}
	want.name, err = pack.ParseRef(string(d.Name))
	return want, err
}

func wantedDirectory(want wanted, text string, request AddRequest, home string) (wanted, error) {
	if request.Selector.Kind != pack.SelectNone {
		return want, errors.New("a directory has no versions to choose from: leave the selector out, or name the repository with file://")
	}
	path := filepath.Join(request.Dir, text)
	want.block.Source = text
	if filepath.IsAbs(text) {
		path = text
	} else if rel, err := filepath.Rel(home, path); err == nil { // what stands in a file counts from there
		want.block.Source = filepath.ToSlash(rel)
		if !isDirectory(want.block.Source) {
			want.block.Source = "./" + want.block.Source
		}
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return want, fmt.Errorf("there is no directory %s", path)
	}
	want.from = pack.Source{Kind: pack.SourceDir, URL: filepath.Clean(path), Subdir: request.Subdir}
	return want, nil
}

// isDirectory tells a path from all else that names a pack, as a source does.
func isDirectory(text string) bool {
	return text == "." || text == ".." || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../") || strings.HasPrefix(text, "/")
}

// cutConstraint splits NAME@CONSTRAINT. The @ of user@host is none of it.
func cutConstraint(text string) (what, constraint string, given bool) {
	from := strings.LastIndex(text, "/") + 1
	if at, colon := strings.Index(text, "@"), strings.Index(text, ":"); from == 0 && at >= 0 && colon > at {
		from = colon
	}
	i := strings.Index(text[from:], "@")
	if i < 0 {
		return text, "", false
	}
	return text[:from+i], strings.TrimSpace(text[from+i+1:]), true
}

func count(list []bool) (n int) {
	for _, is := range list {
		if is {
			n++
		}
	}
	return n
}

// quoteSpec names what the user typed, without what may be a credential.
func quoteSpec(text string) string {
	if at := strings.LastIndex(text, "@"); at >= 0 && strings.Contains(text[:at], "://") {
		return text[:strings.Index(text, "://")+3] + "…"
	}
	return text
}
