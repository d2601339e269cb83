package gogit_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
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
			runtime.GC()
			server := serve(t, animal.Commit.String(), func() []byte { return data })
			judge(t, animal, server.URL+"/zoo", gogit.Options{Client: client(t, transport.Options{})})
		})
	}
}

func judge(t *testing.T, animal gittest.Animal, url string, opts gogit.Options) {
	t.Helper()
	opts.CacheDir = filepath.Join(t.TempDir(), "cache")
	commit := pack.Commit(animal.Commit.String())
	used := peakMemory()
	start := time.Now()
	_, err := fetchFrom(t, gogit.New(opts), url, commit, "refs/heads/main")
	if took := time.Since(start); took > patience {
		t.Errorf("it took %v", took)
	}
	if grown := used(); grown > appetite {
		t.Errorf("it took %d MB of memory", grown>>20)
	}
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

// peakMemory returns a function that tells how far the heap grew at most, as
// seen by samples.
func peakMemory() func() uint64 {
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, stop := context.WithCancel(context.Background())
	peak := make(chan uint64)
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
			case <-ctx.Done():
				peak <- most
				return
			}
		}
	}()
	return func() uint64 {
		stop()
		return max(<-peak, before.HeapAlloc) - before.HeapAlloc
	}
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
		}, "ends early"},
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
			for i := range 8 {
				zeros[0] = byte(i)
				p.Add(3, nil, zeros)
			}
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
			runtime.GC()
			used := peakMemory()
			start := time.Now()
			_, err := fetchFrom(t, opener, server.URL+"/x", pack.Commit(id), "")
			if took := time.Since(start); took > patience {
				t.Errorf("it took %v", took)
			}
			if grown := used(); grown > appetite {
				t.Errorf("it took %d MB of memory", grown>>20)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q in it", err, c.want)
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
