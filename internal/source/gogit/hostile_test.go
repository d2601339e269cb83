package gogit_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/transport"
	"github.com/packsync/packsync/internal/tree"
)

// patience is how long refusing may take, and how much memory.
const (
	patience = 2 * time.Second
	appetite = 256 << 20
)

// serve starts a server that sends pack, whatever is wanted.
func serve(t testing.TB, commit string, pack func() []byte) *gittest.Server {
	t.Helper()
	s := gittest.StartHandler(&gittest.PackServer{Refs: map[string]string{"refs/heads/main": commit}, Pack: pack}, false)
	t.Cleanup(s.Close)
	return s
}

func fetchFrom(t testing.TB, o *gogit.Opener, url string, commit pack.Commit, ref string) (*source.Snapshot, error) {
	t.Helper()
	r, err := o.Open(parse(t, url))
	if err != nil {
		t.Fatal(err)
	}
	return r.Fetch(t.Context(), commit, ref)
}

func TestHostileRepositories(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "out")
	for _, animal := range gittest.Zoo(outside) {
		name := fmt.Sprintf("%02d %s", animal.Number, animal.Name)
		t.Run("sent "+name, func(t *testing.T) {
			data := animal.Pack()
			server := serve(t, animal.Commit.String(), func() []byte { return data })
			judge(t, animal, server.URL+"/zoo", gogit.Options{Client: client(t, transport.Options{}), Clock: &fakeClock{}})
		})
		t.Run("on disk "+name, func(t *testing.T) {
			repo := gittest.New(t, t.TempDir(), "zoo")
			if err := animal.WriteTo(repo.Repo); err != nil {
				t.Fatal(err)
			}
			judge(t, animal, "file://"+repo.Dir, gogit.Options{})
		})
	}
}

// TestGiants wants them judged within the bounds of time and memory.
func TestGiants(t *testing.T) {
	for _, animal := range gittest.Giants() {
		t.Run(animal.Name, func(t *testing.T) {
			data := animal.Pack()
			animal.Objects = gittest.Objects{} // they are large
			server := serve(t, animal.Commit.String(), func() []byte { return data })
			judge(t, animal, server.URL+"/zoo", gogit.Options{Client: client(t, transport.Options{})})
		})
	}
}

func judge(t *testing.T, animal gittest.Animal, url string, opts gogit.Options) {
	t.Helper()
	opts.CacheDir = filepath.Join(t.TempDir(), "cache")
	commit := pack.Commit(animal.Commit.String())
	end := spend(t)
	_, err := fetchFrom(t, gogit.New(opts), url, commit, "refs/heads/main")
	end()
	if animal.Rule == "" {
		if err != nil {
			t.Errorf("it is not installed: %v", err)
		}
		return
	}
	var refused *tree.RefusedError
	switch isRefused := errors.As(err, &refused); {
	case err == nil:
		t.Fatal("it would be installed")
	case animal.Rule == "fetch":
		if isRefused {
			t.Errorf("it is refused as a tree: %v", err)
		}
	case !isRefused:
		t.Fatalf("error is %v, want a refusal by rule %s", err, animal.Rule)
	case string(refused.Rule) != animal.Rule:
		t.Errorf("it is refused by rule %s, want %s: %v", refused.Rule, animal.Rule, err)
	}
	quoted := strings.Trim(strconv.Quote(animal.Path), `"`)
	for _, part := range []string{string(commit), url, quoted[:min(len(quoted), 60)]} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %q: %v", part, err)
		}
	}
	for _, r := range err.Error() {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e {
			t.Errorf("the error holds the raw character %U: %q", r, err)
		}
	}
}

// spend returns a function that fails the test if more time or memory was taken
// than there is patience and appetite for. Time is that of the processor, so that
// a busy machine does not matter.
func spend(t *testing.T) (end func()) {
	t.Helper()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	start := processorTime(t)
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			case <-done:
				peak <- most
				return
			}
		}
	}()
	return func() {
		t.Helper()
		close(done)
		if most := <-peak; most > before.HeapAlloc+appetite {
			t.Errorf("it took %d MB of memory", (most-before.HeapAlloc)>>20)
		}
		if took := processorTime(t) - start; took > patience*slowdown {
			t.Errorf("it took %v", took)
		}
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The packs below are no repository's: they lie about themselves.
func TestHostilePacks(t *testing.T) {
	var good gittest.Objects
	commit := good.Commit(good.Tree(gittest.Entry{Mode: "100644", Name: "pack.yaml", ID: good.Blob("x")}), "Good")
	id := commit.String()

	zeros := make([]byte, 60<<20)
	for _, c := range []struct {
		name string
		pack func() []byte
		want string
	}{
		{"claims 2^32 objects", func() []byte { return new(gittest.PackWriter).BytesClaiming(1<<32 - 1) }, "4294967295 git objects"},
		{"claims more objects than it has", func() []byte { var p gittest.PackWriter; return p.BytesClaiming(3) }, "cannot reach"},
		{"claims an object of 60 MB in ten bytes", func() []byte {
			var p gittest.PackWriter
			p.AddDeclared(3, nil, []byte("x"), 60<<20)
			return p.Bytes()
		}, "has 1 bytes instead of 62914560"},
		{"inflates to more than it declares", func() []byte {
			var p gittest.PackWriter
			p.AddDeclared(3, nil, zeros, 10)
			return p.Bytes()
		}, "damaged packfile"},
		{"inflates to less than it declares", func() []byte {
			var p gittest.PackWriter
			p.AddDeclared(3, nil, []byte("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), 32)
			return p.Bytes()
		}, "damaged packfile"},
		{"many files of 60 MB", func() []byte {
			var p gittest.PackWriter
			p.Add(3, nil, zeros)
			p.Repeat(7)
			return p.Bytes()
		}, "268435456 bytes that are allowed"},
		{"delta bomb", func() []byte {
			var p gittest.PackWriter
			at := p.Offset()
			p.Add(3, nil, make([]byte, 1<<20))
			size := 1 << 20
			for range 8 {
				next := p.Offset()
				p.Add(6, gittest.OffsetBase(next-at), gittest.Delta(size, 8))
				at, size = next, size*8
			}
			return p.Bytes()
		}, "are allowed"},
		{"long chain of deltas", func() []byte {
			var p gittest.PackWriter
			at := p.Offset()
			p.Add(3, nil, []byte("x"))
			for range 600 {
				next := p.Offset()
				p.Add(6, gittest.OffsetBase(next-at), gittest.Delta(1, 1))
				at = next
			}
			return p.Bytes()
		}, "more than 512 deltas"},
		{"delta of itself", func() []byte {
			var p gittest.PackWriter
			p.Add(3, nil, []byte("x"))
			p.Add(7, make([]byte, 20), gittest.Delta(1, 1))
			return p.Bytes()
		}, "a delta has no base"},
		{"delta without content", func() []byte {
			var p gittest.PackWriter
			at := p.Offset()
			p.Add(3, nil, []byte("x"))
			p.Add(6, gittest.OffsetBase(p.Offset()-at), nil)
			return p.Bytes()
		}, "damaged packfile"},
		{"unknown type", func() []byte {
			var p gittest.PackWriter
			p.Add(5, nil, []byte("x"))
			return p.Bytes()
		}, "unknown type"},
		{"another commit", func() []byte {
			var o gittest.Objects
			o.Commit(o.Tree(), "Other")
			return o.Pack()
		}, "does not hold the commit"},
		{"a blob under the commit's id", func() []byte {
			var p gittest.PackWriter
			p.Add(3, nil, []byte("x"))
			return p.Bytes()
		}, "does not hold the commit"},
		{"goes on after its end", func() []byte { return append(good.Pack(), "more"...) }, "something follows its end"},
		{"version 3", func() []byte {
			data := good.Pack()
			binary.BigEndian.PutUint32(data[4:], 3)
			return data
		}, "damaged packfile"},
		{"nothing", func() []byte { return nil }, "the answer is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := c.pack()
			server := serve(t, id, func() []byte { return data })
			opener := gogit.New(gogit.Options{Client: client(t, transport.Options{}), Clock: &fakeClock{}})
			end := spend(t)
			_, err := fetchFrom(t, opener, server.URL+"/x", pack.Commit(id), "")
			end()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q in it", err, c.want)
			}
		})
	}
}

// TestEachLimit: every bound holds by itself.
func TestEachLimit(t *testing.T) {
	var o gittest.Objects
	commit := o.Commit(o.Tree(gittest.Entry{Mode: "100644", Name: "pack.yaml", ID: o.Blob(strings.Repeat("x", 1000))}), "Good").String()
	server := serve(t, commit, o.Pack)
	disk := gittest.New(t, t.TempDir(), "repo")
	if err := o.WriteTo(disk.Repo); err != nil {
		t.Fatal(err)
	}
	wide := tree.Limits{Depth: 1000} // not zero, which would mean the default
	for name, c := range map[string]struct {
		limits gogit.Limits
		disk   bool // the limit also counts for repositories on disk
	}{
		"PackBytes":    {gogit.Limits{PackBytes: 100}, false},
		"ObjectBytes":  {gogit.Limits{ObjectBytes: 999}, true},
		"DecodedBytes": {gogit.Limits{DecodedBytes: 1000}, true},
		"Objects":      {gogit.Limits{Objects: 2}, true},
		"Tree":         {gogit.Limits{Tree: tree.Limits{FileBytes: 999}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.limits.Tree == (tree.Limits{}) {
				c.limits.Tree = wide
			}
			urls := []string{server.URL + "/x"}
			if c.disk {
				urls = append(urls, "file://"+disk.Dir)
			}
			for _, url := range urls {
				opener := gogit.New(gogit.Options{Client: client(t, transport.Options{}), Limits: c.limits})
				_, err := fetchFrom(t, opener, url, pack.Commit(commit), "")
				var refused *tree.RefusedError
				if !errors.As(err, &refused) || refused.Rule != tree.RuleLimit {
					t.Errorf("%s: error is %v, want a refusal by the limit", url, err)
				}
				byTree := refused != nil && refused.Path != ""
				if byTree != (name == "Tree") {
					t.Errorf("%s: it came too late or too early: %v", url, err)
				}
			}
		})
	}
}

// TestEndlessAnswers: a server that never stops is stopped.
func TestEndlessAnswers(t *testing.T) {
	var good gittest.Objects
	commit := good.Commit(good.Tree(gittest.Entry{Mode: "100644", Name: "pack.yaml", ID: good.Blob("x")}), "Good").String()
	whole := good.Pack()
	// A deflate stream of empty blocks takes in bytes for ever and gives none.
	var open gittest.PackWriter
	open.Add(3, nil, []byte("x"))
	begun := open.BytesClaiming(2)
	begun = append(begun[:len(begun)-20], 0xbf, 0x01, 0x78, 0x9c) // a blob of 31 bytes, zlib header

	for _, c := range []struct {
		name  string
		pack  []byte
		tail  []byte
		bound int64
		want  string
	}{
		{"noise", nil, []byte(strings.Repeat("noise ", 5000)), 0, "damaged packfile"},
		{"after the end", whole, make([]byte, 30_000), 8 << 20, "larger than what is allowed"},
		{"empty blocks", begun, bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, 6000), 8 << 20, "larger than what is allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := gittest.StartHandler(&gittest.PackServer{
				Refs: map[string]string{"refs/heads/main": commit}, Pack: func() []byte { return c.pack }, Tail: c.tail,
			}, false)
			t.Cleanup(server.Close)
			cache := filepath.Join(t.TempDir(), "cache")
			opener := gogit.New(gogit.Options{
				Client: client(t, transport.Options{}), Clock: &fakeClock{}, CacheDir: cache, Limits: gogit.Limits{PackBytes: c.bound},
			})
			end := spend(t)
			_, err := fetchFrom(t, opener, server.URL+"/x", pack.Commit(commit), "")
			end()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q in it", err, c.want)
			}
			if _, err := os.Stat(cache); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was left in the cache (%v)", err)
			}
		})
	}
}

func TestFloodOfRefs(t *testing.T) {
	refs := map[string]string{}
	for i := range 400_000 {
		refs[fmt.Sprintf("refs/heads/%08d", i)] = "0123456789012345678901234567890123456789"
	}
	server := gittest.StartHandler(&gittest.PackServer{Refs: refs}, false)
	t.Cleanup(server.Close)
	r, err := gogit.New(gogit.Options{Client: client(t, transport.Options{})}).Open(parse(t, server.URL+"/x"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Refs(t.Context())
	var refused *tree.RefusedError
	if !errors.As(err, &refused) || refused.Rule != tree.RuleLimit {
		t.Errorf("error is %v, want a refusal by the limit", err)
	}
}

// TestHostileRefNames: such refs are as if they were not there (zoo 47).
func TestHostileRefNames(t *testing.T) {
	var o gittest.Objects
	commit := o.Commit(o.Tree(gittest.Entry{Mode: "100644", Name: "pack.yaml", ID: o.Blob("x")}), "Good").String()
	server := gittest.StartHandler(&gittest.PackServer{Pack: o.Pack, Refs: map[string]string{
		"refs/heads/main":                   commit,
		"refs/heads/../../../../escape-ref": commit,
		"refs/tags/--upload-pack=x":         commit,
		"refs/tags/v1;rm":                   commit, // a valid name; it is never run
		"refs/tags/a\x1b[31m":               commit,
		"refs/notes/commits":                commit,
	}}, false)
	t.Cleanup(server.Close)
	r, err := gogit.New(gogit.Options{Client: client(t, transport.Options{})}).Open(parse(t, server.URL+"/x"))
	if err != nil {
		t.Fatal(err)
	}
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(refs.Branches) != 1 || len(refs.Tags) != 1 || refs.Tags["v1;rm"] == "" {
		t.Errorf("refs are %q", refs)
	}
}
