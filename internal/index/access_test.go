package index

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

func TestAPrivateIndex(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "jane" || password != "s3cr3t" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		text(packs("aws"))(w, r)
	})
	indexes := []config.Index{{Name: "a", URL: s.URL + "/index.json"}}
	opts := options(t)
	if _, problems := Load(t.Context(), indexes, opts); len(problems) != 1 || !strings.Contains(problems[0].Error(), "401") {
		t.Errorf("a stranger: %v", problems)
	}
	opts.Sign = func(r *http.Request) error { r.SetBasicAuth("jane", "s3cr3t"); return nil }
	set, problems := Load(t.Context(), indexes, opts)
	if _, err := set.Find("aws"); err != nil || len(problems) != 0 {
		t.Errorf("%v, %v", err, problems)
	}
	opts.Sign = func(*http.Request) error { return errors.New("read token_file: no such file") }
	if _, problems := Load(t.Context(), indexes, opts); len(problems) != 1 || !strings.Contains(problems[0].Error(), "read token_file: no such file") {
		t.Errorf("no token: %v", problems)
	}
}

func TestARewrittenIndexKeepsItsAddress(t *testing.T) {
	s := serve(t, text(packs("aws")))
	opts := options(t)
	opts.Rewrites = pack.Rewrites{{Prefix: "https://index.example/", To: s.URL + "/mirror/"}}
	set, problems := Load(t.Context(), []config.Index{{Name: "a", URL: "https://index.example/v1/index.json"}}, opts)
	found, err := set.Find("aws")
	if err != nil || len(problems) != 0 || found.IndexURL != "https://index.example/v1/index.json" {
		t.Errorf("%+v, %v, %v", found, err, problems)
	}
	// What is remembered belongs to the server that it came from.
	opts.Offline = true
	if set, _ := Load(t.Context(), []config.Index{{Name: "a", URL: s.URL + "/mirror/v1/index.json"}}, opts); set != nil {
		if _, err := set.Find("aws"); err != nil {
			t.Errorf("the mirror's document: %v", err)
		}
	}
	file := filepath.Join(t.TempDir(), "index.json")
	if err := (plainDisk{}).WriteFile(file, []byte(packs("jira")), safefs.Owner{Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	opts.Rewrites = pack.Rewrites{{Prefix: "https://index.example/", To: "file://" + filepath.Dir(file) + "/"}}
	set, problems = Load(t.Context(), []config.Index{{Name: "a", URL: "https://index.example/index.json"}}, opts)
	if _, err := set.Find("jira"); err != nil || len(problems) != 0 {
		t.Errorf("a rewrite to a file, offline: %v, %v", err, problems)
	}
}
