package st2

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// object is an element of any of StackStorm's content lists.
type object struct {
	ID      string          `json:"id"`
	Ref     string          `json:"ref"`
	Pack    string          `json:"pack"`
	Trigger json.RawMessage `json:"trigger"` // of a rule
}

// trigger is what a rule waits for. StackStorm gives an object, or only a text
// when the trigger is gone (server-behaviour.md, Purge 5).
type trigger struct {
	Type       string         `json:"type"`
	Parameters map[string]any `json:"parameters"`
}

func (o object) trigger() trigger {
	var t trigger
	if json.Unmarshal(o.Trigger, &t) == nil {
		return t
	}
	var text string
	if json.Unmarshal(o.Trigger, &text) == nil {
		return trigger{Type: text}
	}
	return trigger{}
}

// listOf names where StackStorm's API has each kind of object.
var listOf = map[string]string{
	pack.KindRule: "rules", pack.KindAlias: "actionalias", pack.KindPolicy: "policies", pack.KindAction: "actions",
	pack.KindTrigger: "triggertypes", pack.KindSensor: "sensortypes",
}

// Purge deletes by id what it finds under the names given, after a look at the
// pack that each element says it belongs to.
func (a *api) Purge(ctx context.Context, ref pack.Ref, objects []pack.Object) (Purged, error) {
	op := "purge " + string(ref)
	if err := refuseSystem(ref); err != nil {
		return Purged{}, err
	}
	for _, o := range objects {
		if listOf[o.Kind] == "" || !strings.HasPrefix(o.Ref, string(ref)+".") {
			return Purged{}, &Error{Op: op, Text: fmt.Sprintf("%s is not an object of this pack", o)}
		}
	}
	var done Purged
	for _, kind := range pack.ObjectKinds() {
		var named []pack.Object
		for _, o := range objects {
			if o.Kind == kind {
				named = append(named, o)
			}
		}
		if len(named) == 0 {
			continue
		}
		if err := a.purgeKind(ctx, op, ref, kind, named, &done); err != nil {
			return done, err
		}
	}
	return done, nil
}

// purgeKind does the objects of one kind. What StackStorm does not have is gone
// already.
func (a *api) purgeKind(ctx context.Context, op string, ref pack.Ref, kind string, named []pack.Object, done *Purged) error {
	there, err := a.list(ctx, op, listOf[kind], "ref,pack", ref)
	if err != nil {
		return err
	}
	var users map[string][]string
	if kind == pack.KindTrigger && slices.ContainsFunc(there, func(o object) bool { return slices.Contains(named, pack.Object{Kind: kind, Ref: o.Ref}) }) {
		if users, err = a.triggerUsers(ctx, op); err != nil {
			return err
		}
	}
	for _, o := range named {
		at := slices.IndexFunc(there, func(t object) bool { return t.Ref == o.Ref })
		op := op + ", " + o.String()
		switch {
		case at < 0:
			done.Deleted = append(done.Deleted, o)
		case kind == pack.KindSensor:
			if err := a.disableSensor(ctx, op, there[at]); err != nil {
				return err
			}
			done.Disabled = append(done.Disabled, o)
		case len(users[o.Ref]) > 0:
			done.InUse = append(done.InUse, InUse{o, users[o.Ref]})
		default:
			if err := a.delete(ctx, op, listOf[kind], there[at]); err != nil {
				return err
			}
			done.Deleted = append(done.Deleted, o)
		}
	}
	return nil
}

// triggerUsers lists the rules of all packs by the trigger type that they use. A
// type that goes while a rule uses it leaves that rule dead, and the list of rules
// fails for everybody (server-behaviour.md, Purge 12).
func (a *api) triggerUsers(ctx context.Context, op string) (map[string][]string, error) {
	rules, err := a.list(ctx, op, "rules", "ref,pack,trigger", "")
	if err != nil {
		return nil, err
	}
	users := map[string][]string{}
	for _, rule := range rules {
		users[rule.trigger().Type] = append(users[rule.trigger().Type], rule.Ref)
	}
	for _, refs := range users {
		slices.Sort(refs)
	}
	return users, nil
}

// RulesOn finds them by the pack that their trigger type, or what is left of it,
// begins with.
func (a *api) RulesOn(ctx context.Context, ref pack.Ref) ([]Rule, error) {
	rules, err := a.list(ctx, "look for rules on triggers of "+string(ref), "rules", "ref,pack,trigger", "")
	if err != nil {
		return nil, err
	}
	var on []Rule
	for _, rule := range rules {
		if rule.Pack != string(ref) && strings.HasPrefix(rule.trigger().Type, string(ref)+".") {
			on = append(on, Rule{Ref: rule.Ref, Pack: pack.Ref(rule.Pack), Parameters: len(rule.trigger().Parameters) > 0})
		}
	}
	slices.SortFunc(on, func(a, b Rule) int { return strings.Compare(a.Ref, b.Ref) })
	return on, nil
}

// list returns the objects of one pack, or of all packs for "". Some collections
// ignore the pack parameter, some the offset (server-behaviour.md, Purge 1, 2):
// everything is asked for at once and every element is looked at.
func (a *api) list(ctx context.Context, op, collection, attributes string, ref pack.Ref) ([]object, error) {
	path := "/" + collection + "?limit=-1&include_attributes=" + attributes
	if ref != "" {
		path += "&pack=" + string(ref)
	}
	var objects []object
	if err := a.get(ctx, op, path, &objects); err != nil {
		return nil, err
	}
	if ref == "" {
		return objects, nil
	}
	return slices.DeleteFunc(objects, func(o object) bool { return o.Pack != string(ref) }), nil
}

// delete removes an object, by id: a ref may hold characters that a path may
// not. One that is gone already is a success. No body is sent, so files stay.
func (a *api) delete(ctx context.Context, op, collection string, o object) error {
	return retry(ctx, a.Clock, func() (bool, error) {
		ans, mayPass, err := a.send(ctx, call{op: op, method: http.MethodDelete, path: "/" + collection + "/" + o.ID})
		if ans.status == http.StatusNotFound && strings.HasPrefix(ans.fault, "Resource with a reference or id") {
			return false, nil
		}
		if err == nil && ans.status != http.StatusNoContent {
			err = &Error{Op: op, Status: ans.status, Text: "the answer is not one to a deletion: " + a.firstWords(ans.body), Hint: urlHint}
		}
		return mayPass, err
	})
}

func (a *api) disableSensor(ctx context.Context, op string, o object) error {
	return retry(ctx, a.Clock, func() (bool, error) {
		ans, mayPass, err := a.send(ctx, call{op, http.MethodPut, "/sensortypes/" + o.ID, map[string]bool{"enabled": false}})
		if ans.status == http.StatusNotFound && strings.HasPrefix(ans.fault, "Resource with a reference or id") {
			return false, nil
		}
		if err != nil {
			return mayPass, err
		}
		var now struct {
			Enabled *bool `json:"enabled"`
		}
		if err := json.Unmarshal(ans.body, &now); err != nil || now.Enabled == nil || *now.Enabled {
			return false, &Error{Op: op, Status: ans.status, Text: "the answer does not say that the sensor is off: " + a.firstWords(ans.body), Hint: urlHint, Err: err}
		}
		return false, nil
	})
}
