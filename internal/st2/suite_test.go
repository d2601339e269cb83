package st2_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/st2/st2test"
	"github.com/packsync/packsync/internal/testenv"
)

// newAPI returns an API client with a clock that does not wait.
func newAPI(url string) (st2.Client, *st2test.Clock) {
	clock := st2test.NewClock()
	return st2.NewAPI(st2.Options{URL: url, APIKey: pack.NewSecret(apiKey), HTTP: &http.Client{}, Clock: clock}), clock
}

const apiKey = "k3y-that-must-not-show"

func TestAPIPassesTheSuite(t *testing.T) {
	st2test.RunSuite(t, func(t *testing.T, w st2test.World) st2.Client {
		_, url := st2test.Start(t, st2test.Options{BasePaths: []string{w.Packs}, ConfigsDir: w.Configs, APIKey: apiKey})
		client, _ := newAPI(url)
		return client
	})
}

func TestAPIPassesTheReaderSuite(t *testing.T) {
	st2test.RunReaderSuite(t, func(t *testing.T, w st2test.World) st2test.ReadingClient {
		_, url := st2test.Start(t, st2test.Options{BasePaths: []string{w.Packs}, ConfigsDir: w.Configs, APIKey: apiKey})
		client, _ := newAPI(url)
		return client.(st2test.ReadingClient)
	})
}

func TestCommandPassesTheSuite(t *testing.T) {
	testenv.Need(t, "/bin/sh")
	st2test.RunSuite(t, func(t *testing.T, w st2test.World) st2.Client {
		dir := t.TempDir()
		path, err := st2test.WriteCommand(dir, w.Configs, filepath.Join(dir, "log"))
		if err != nil {
			t.Fatal(err)
		}
		return st2.NewCommand(st2.CommandOptions{Argv: []string{path}, Clock: st2test.NewClock()})
	})
}

func TestNonePassesTheSuite(t *testing.T) {
	st2test.RunSuite(t, func(*testing.T, st2test.World) st2.Client { return st2.None() })
}

func packRef(text string) pack.Ref { return pack.Ref(text) }
