package st2

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// Reader reads back what StackStorm itself has registered. Of the clients only
// that of the API is one: the command and none cannot ask. Nothing is changed,
// and no secret is asked for.
type Reader interface {
	// ReadBack lists the packs and the content of all packs. The number of requests
	// does not depend on how many there are.
	ReadBack(ctx context.Context) (Reported, error)
	// ReadConfig returns the config of one pack as StackStorm would use it.
	ReadConfig(ctx context.Context, ref pack.Ref) (ReportedConfig, error)
}

// Reported is what StackStorm has registered.
type Reported struct {
	Packs map[pack.Ref]ReportedPack
	// Objects holds the content by kind, in the words of Request.Due: "triggers"
	// (trigger types), "sensors", "actions", "rules", "aliases", "policies".
	Objects map[string][]ReportedObject
}

// ReportedPack is the row of a pack: of its last registration.
type ReportedPack struct {
	Ref     pack.Ref `json:"ref"`
	Version string   `json:"version"`
	Path    string   `json:"path"` // directory that it was registered from
}

// ReportedObject is one action, rule and so on.
type ReportedObject struct {
	Ref  string   `json:"ref"` // PACK.NAME
	Pack pack.Ref `json:"pack"`
	Name string   `json:"name"`
}

// ReportedConfig is the registered config of a pack.
type ReportedConfig struct {
	There bool
	// Hidden tells that there is a config whose values cannot be read without its
	// secrets: StackStorm cannot mask what no schema describes.
	Hidden bool
	// Values are as JSON has them, numbers as json.Number. A secret is Masked.
	Values map[string]any
}

// Masked is what StackStorm shows in the place of a secret.
const Masked = "********"

// collections maps kinds of content to the lists of the API.
var collections = []struct{ kind, path string }{
	{"triggers", "triggertypes"}, {"sensors", "sensortypes"}, {"actions", "actions"},
	{"rules", "rules"}, {"aliases", "actionalias"}, {"policies", "policies"},
}

const readOp = "read back what StackStorm has registered"

// ReadBack asks for whole lists: some collections ignore the offset, so that
// paging would never end (server-behaviour.md, Purge 2), and one request for all
// packs is less than six for each.
func (a *api) ReadBack(ctx context.Context) (Reported, error) {
	r := Reported{Packs: map[pack.Ref]ReportedPack{}, Objects: map[string][]ReportedObject{}}
	var rows []ReportedPack
	if err := a.read(ctx, "/packs?limit=-1&include_attributes=ref,version,path", &rows); err != nil {
		return r, err
	}
	for _, row := range rows {
		r.Packs[row.Ref] = row
	}
	for _, c := range collections {
		var objects []ReportedObject
		if err := a.read(ctx, "/"+c.path+"?limit=-1&include_attributes=ref,pack,name", &objects); err != nil {
			return r, err
		}
		r.Objects[c.kind] = objects
	}
	return r, nil
}

// read is get for a whole list.
func (a *api) read(ctx context.Context, path string, into any) error {
	err := a.get(ctx, readOp, path, into)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusForbidden {
		e.Hint = "reading back takes whole lists (limit=-1), which StackStorm gives to administrators only where RBAC is on: use the key of one, or leave out --refresh"
	}
	return err
}

// ReadConfig asks for one pack: one config without a schema makes the list of
// all configs fail for everybody (server-behaviour.md 4).
func (a *api) ReadConfig(ctx context.Context, ref pack.Ref) (config ReportedConfig, err error) {
	op := "read back the config of " + string(ref)
	err = retry(ctx, a.Clock, func() (bool, error) {
		ans, mayPass, err := a.send(ctx, call{op: op, method: http.MethodGet, path: "/configs/" + string(ref)})
		switch {
		case ans.status == http.StatusNotFound && strings.HasPrefix(ans.fault, "Unable to identify resource with pack_ref"):
			config = ReportedConfig{}
			return false, nil
		case ans.status == http.StatusNotFound && strings.HasPrefix(ans.fault, "Unable to find the ConfigSchemaDB instance"):
			config = ReportedConfig{There: true, Hidden: true}
			return false, nil
		case err != nil:
			return mayPass || ans.status == http.StatusInternalServerError, err
		}
		config, err = readConfig(op, ans)
		return false, err
	})
	return config, err
}

func readConfig(op string, ans answer) (ReportedConfig, error) {
	var row struct {
		Values map[string]any `json:"values"`
	}
	decoder := json.NewDecoder(bytes.NewReader(ans.body))
	decoder.UseNumber()
	if err := decoder.Decode(&row); err != nil || row.Values == nil {
		return ReportedConfig{}, &Error{Op: op, Status: ans.status, Text: "the answer is no config", Hint: urlHint, Err: err}
	}
	return ReportedConfig{There: true, Values: row.Values}, nil
}
