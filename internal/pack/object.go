package pack

import (
	"cmp"
	"slices"
	"strings"
)

// Object names something that StackStorm keeps of a pack.
type Object struct {
	Kind string `json:"kind"` // one of the Kind constants
	Ref  string `json:"ref"`  // PACK.NAME
}

// The kinds of object, as people call one.
const (
	KindAction  = "action"
	KindRule    = "rule"
	KindSensor  = "sensor"
	KindTrigger = "trigger type"
	KindAlias   = "alias"
	KindPolicy  = "policy"
)

// ObjectKinds lists the kinds in the order in which objects are deleted, so that
// nothing is left for a moment that refers to what is gone, and no sensor runs
// whose trigger types are (server-behaviour.md,
// Purge 14).
func ObjectKinds() []string {
	return []string{KindRule, KindAlias, KindPolicy, KindAction, KindSensor, KindTrigger}
}

// String is KIND PACK.NAME.
func (o Object) String() string { return o.Kind + " " + o.Ref }

// Name is what the pack calls it.
func (o Object) Name() string {
	_, name, _ := strings.Cut(o.Ref, ".")
	return name
}

// CompareObjects orders objects by kind, as they are deleted, then by ref.
func CompareObjects(a, b Object) int {
	kinds := ObjectKinds()
	return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), strings.Compare(a.Ref, b.Ref))
}
