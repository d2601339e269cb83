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

// triggerType returns the trigger type that a rule uses: of the object that
// StackStorm gives, or the text that it gives when the trigger is gone
// (server-behaviour.md, Purge 5).
func (o object) triggerType() string {
	var trigger struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(o.Trigger, &trigger) == nil {
		return trigger.Type
	}
	var text string
	if json.Unmarshal(o.Trigger, &text) == nil {
		return text
	}
	return ""
}

// unregisterByObject deletes what the API can delete, in an order that never
// leaves a rule without its trigger (server-behaviour.md, Purge 14), and names
// the rest. It can be repeated after a failure.
func (a *api) unregisterByObject(ctx context.Context, op string, ref pack.Ref) (Outcome, error) {
	for _, collection := range []string{"rules", "actionalias", "policies", "actions"} {
		objects, err := a.list(ctx, op, collection, "ref,pack", ref)
		if err != nil {
			return Outcome{}, err
		}
		for _, o := range objects {
			if err := a.delete(ctx, op, collection, o); err != nil {
				return Outcome{}, err
			}
		}
	}
	left, err := a.deleteTriggerTypes(ctx, op, ref)
	if err != nil {
		return Outcome{}, err
	}
	sensors, err := a.list(ctx, op, "sensortypes", "ref,pack", ref)
	if err != nil {
		return Outcome{}, err
	}
	for _, o := range sensors {
		if err := a.disableSensor(ctx, op, o); err != nil {
			return Outcome{}, err
		}
		left = append(left, "sensor "+o.Ref+" is disabled but stays registered: StackStorm's API cannot delete sensors")
	}
	left = append(left, fmt.Sprintf("the entry of pack %s, its config and its config schema stay registered, because %s could not be run "+
		"(when StackStorm's engine works again, remove them with: %s)", ref, unloadAction, unloadCommand(ref)))
	return Outcome{Left: left}, nil
}

// deleteTriggerTypes deletes the trigger types that no rule uses any more. One
// that another pack's rule uses stays: without it that rule is dead and the list
// of rules fails for everybody (server-behaviour.md, Purge 12).
func (a *api) deleteTriggerTypes(ctx context.Context, op string, ref pack.Ref) (left []string, err error) {
	types, err := a.list(ctx, op, "triggertypes", "ref,pack", ref)
	if err != nil || len(types) == 0 {
		return nil, err
	}
	rules, err := a.list(ctx, op, "rules", "ref,pack,trigger", "")
	if err != nil {
		return nil, err
	}
	for _, o := range types {
		var users []string
		for _, rule := range rules {
			if rule.triggerType() == o.Ref {
				users = append(users, rule.Ref)
			}
		}
		if len(users) > 0 {
			slices.Sort(users)
			left = append(left, fmt.Sprintf("trigger type %s stays registered, because rules of other packs use it: %s", o.Ref, strings.Join(users, ", ")))
			continue
		}
		if err := a.delete(ctx, op, "triggertypes", o); err != nil {
			return nil, err
		}
	}
	return left, nil
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
		return mayPass, err
	})
}

func (a *api) disableSensor(ctx context.Context, op string, o object) error {
	return retry(ctx, a.Clock, func() (bool, error) {
		ans, mayPass, err := a.send(ctx, call{op, http.MethodPut, "/sensortypes/" + o.ID, map[string]bool{"enabled": false}})
		if ans.status == http.StatusNotFound {
			return false, nil
		}
		return mayPass, err
	})
}
