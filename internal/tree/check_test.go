package tree_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/tree"
)

// rawTree keeps the order of its files, whatever it is.
type rawTree struct {
	files   []tree.File
	content []string
}

func (r *rawTree) Files() []tree.File            { return r.files }
func (r *rawTree) Content(i int) ([]byte, error) { return []byte(r.content[i]), nil }

func (r *rawTree) add(path string, kind tree.Kind, content string) {
	r.files = append(r.files, tree.File{Path: path, Kind: kind, Size: int64(len(content))})
	r.content = append(r.content, content)
}

func (r *rawTree) sorted() tree.Tree {
	var entries []tree.Entry
	for i, f := range r.files {
		entries = append(entries, tree.Entry{Path: f.Path, Kind: f.Kind, Content: r.content[i]})
	}
	return tree.Build(entries...)
}

// words splits a line at spaces; a word may be a Go string literal.
func words(t *testing.T, line string) []string {
	t.Helper()
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			out, line = append(out, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			t.Fatalf("bad word in %q: %v", line, err)
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("bad word in %q: %v", line, err)
		}
		out, line = append(out, word), line[len(quoted):]
	}
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], "{300a}", strings.Repeat("a", 300))
	}
	return out
}

func setLimit(t *testing.T, l *tree.Limits, name, value string) {
	t.Helper()
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	switch name {
	case "files":
		l.Files = n
	case "filebytes":
		l.FileBytes = int64(n)
	case "bytes":
		l.Bytes = int64(n)
	case "depth":
		l.Depth = n
	case "pathbytes":
		l.PathBytes = n
	case "namebytes":
		l.NameBytes = n
	default:
		t.Fatalf("unknown limit %q", name)
	}
}

func TestCheckTable(t *testing.T) {
	text, err := os.ReadFile("testdata/check.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(strings.TrimSpace(string(text)), "\n\n")[1:]
	for _, c := range cases {
		title, body, _ := strings.Cut(c, "\n")
		t.Run(title, func(t *testing.T) { checkCase(t, strings.Split(body, "\n")) })
	}
}

func checkCase(t *testing.T, lines []string) {
	raw := &rawTree{}
	limits := tree.DefaultLimits()
	unsorted := false
	for _, line := range lines {
		w := words(t, line)
		switch w[0] {
		case "file":
			raw.add(w[1], tree.Regular, strings.Join(w[2:], ""))
		case "exec":
			raw.add(w[1], tree.Executable, "")
		case "link":
			raw.add(w[1], tree.Link, w[2])
		case "size":
			n, err := strconv.Atoi(w[2])
			if err != nil {
				t.Fatal(err)
			}
			raw.add(w[1], tree.Regular, strings.Repeat("\x00", n))
		case "unsorted":
			unsorted = true
		case "limit":
			setLimit(t, &limits, w[1], w[2])
		case "ok", "refuse":
			tr := tree.Tree(raw)
			if !unsorted {
				tr = raw.sorted()
			}
			judge(t, tree.Check(tr, limits), line, w)
			return
		default:
			t.Fatalf("bad line %q", line)
		}
	}
	t.Fatal("the case has no outcome")
}

func judge(t *testing.T, err error, line string, w []string) {
	t.Helper()
	if w[0] == "ok" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	var refused *tree.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want %s", err, line)
	}
	_, reason, _ := strings.Cut(line, strconv.Quote(w[2])+" ")
	if reason == "" {
		reason = strings.Join(strings.Fields(line)[3:], " ")
	}
	if string(refused.Rule) != w[1] || refused.Path != w[2] || !strings.Contains(refused.Reason, reason) {
		t.Errorf("got %s %q %s\nwant %s", refused.Rule, refused.Path, refused.Reason, line)
	}
	for _, r := range err.Error() {
		if !strconv.IsPrint(r) {
			t.Errorf("the message holds %U, which a terminal may act on: %q", r, err.Error())
		}
	}
}

func TestCheckDefaultLimits(t *testing.T) {
	l := tree.DefaultLimits()
	deep := strings.Repeat("d/", l.Depth-1) + "f"
	if err := tree.Check(tree.Memory(map[string]string{deep: ""}), l); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
	if err := tree.Check(tree.Memory(map[string]string{"d/" + deep: ""}), l); err == nil {
		t.Error("a tree one level deeper than allowed passed")
	}
	many := make([]tree.Entry, l.Files+1)
	for i := range many {
		many[i].Path = fmt.Sprintf("f%06d", i)
	}
	if err := tree.Check(tree.Build(many[1:]...), l); err != nil {
		t.Errorf("as many as allowed: %v", err)
	}
	if err := tree.Check(tree.Build(many...), l); err == nil {
		t.Error("a tree with one file more than allowed passed")
	}
}

func TestCheckFollowsAsManyLinksAsTheKernel(t *testing.T) {
	chain := func(n int) tree.Tree {
		entries := []tree.Entry{{Path: "l000"}}
		for i := 1; i <= n; i++ {
			entries = append(entries, tree.Entry{Path: fmt.Sprintf("l%03d", i), Kind: tree.Link, Content: fmt.Sprintf("l%03d", i-1)})
		}
		return tree.Build(entries...)
	}
	if err := tree.Check(chain(40), tree.DefaultLimits()); err != nil {
		t.Errorf("a chain of 40 links: %v", err)
	}
	if err := tree.Check(chain(41), tree.DefaultLimits()); err == nil {
		t.Error("a chain of 41 links, which no program can open, passed")
	}
}

func TestCheckNameAgreesWithCheck(t *testing.T) {
	for _, name := range []string{"a", ".hidden", "é", "..", ".", "", ".git", "a\\b", "a:b", "a ", "a.", "\x7f", "\u200b", "x/y", strings.Repeat("n", 256)} {
		nameErr := tree.CheckName(name)
		treeErr := tree.Check(tree.Memory(map[string]string{"dir/" + name + "/f": ""}), tree.DefaultLimits())
		if strings.Contains(name, "/") {
			treeErr = nameErr // in a path it is two names
		}
		if (nameErr == nil) != (treeErr == nil) {
			t.Errorf("CheckName(%q) = %v, Check of a tree with it = %v", name, nameErr, treeErr)
		}
		if bad := !slices.Contains([]string{"a", ".hidden", "é"}, name); bad != (nameErr != nil) {
			t.Errorf("CheckName(%q) = %v", name, nameErr)
		}
	}
}
