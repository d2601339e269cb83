package st2

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// registerBody is the body of POST /v1/packs/register (reference.md 2.5).
type registerBody struct {
	Packs         []string `json:"packs"` // names of directories, not refs
	Types         []string `json:"types"`
	FailOnFailure bool     `json:"fail_on_failure"`
}

func (a *api) Register(ctx context.Context, req Request) (Outcome, error) {
	name := string(req.Ref)
	if req.Dir != "" {
		name = filepath.Base(req.Dir)
	}
	c := call{op: "register " + string(req.Ref), method: http.MethodPost, path: "/packs/register"}
	found, err := a.settle(ctx, c.op, req.Ref)
	if err != nil {
		return Outcome{}, err
	}
	if found.unloaded {
		req.Types = []string{"all"}
	}
	c.body = registerBody{[]string{name}, req.Types, true}
	var counts map[string]int
	err = retry(ctx, a.Clock, func() (bool, error) {
		ans, mayPass, err := a.send(ctx, c)
		if err != nil {
			return a.explainRefusal(ctx, req, ans, mayPass, err)
		}
		counts = nil
		if err := json.Unmarshal(ans.body, &counts); err != nil || counts == nil {
			return false, &Error{Op: c.op, Status: ans.status, Text: "the answer holds no counts: " + a.firstWords(ans.body), Hint: urlHint, Err: err}
		}
		return false, checkCounts(req, counts)
	})
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Counts: counts, Left: found.notes}, nil
}

// explainRefusal adds what a person should know about a failed registration. A
// 500 has two causes that look alike: an invalid config, which trying again does
// not mend, and a database that is away, in which case reading fails as well.
func (a *api) explainRefusal(ctx context.Context, req Request, ans answer, mayPass bool, err error) (bool, error) {
	var e *Error
	if !errors.As(err, &e) {
		return false, err
	}
	switch {
	case ans.status == http.StatusInternalServerError:
		probe, _, probeErr := a.send(ctx, call{op: e.Op, method: http.MethodGet, path: "/packs?limit=1&include_attributes=ref"})
		if probeErr != nil && probe.status >= 500 {
			e.Hint = "StackStorm cannot read its database"
			return true, e
		}
		e.Unexplained = true
		e.Hint = strings.NewReplacer("REF", string(req.Ref), "DIR", dirOf(req)).Replace(configHint)
	case strings.Contains(e.Text, "not found on disk"), strings.Contains(e.Text, "is missing pack.yaml file"):
		e.Hint = visibilityHint
	case isOutage(e.Text):
		e.Hint = "StackStorm cannot reach its database"
	}
	return mayPass, e
}

func dirOf(req Request) string {
	if req.Dir != "" {
		return req.Dir
	}
	return string(req.Ref)
}

// knows asks whether StackStorm has a row for the pack. The list is asked, not
// GET /v1/packs/{ref}: that path cannot name a pack whose ref begins with index
// or views (reference.md 2.4).
func (a *api) knows(ctx context.Context, op string, ref pack.Ref) (bool, error) {
	var rows []struct {
		Ref string `json:"ref"`
	}
	if err := a.get(ctx, op, "/packs?limit=1&include_attributes=ref&ref="+string(ref), &rows); err != nil {
		return false, err
	}
	return len(rows) > 0 && rows[0].Ref == string(ref), nil
}
