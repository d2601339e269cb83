package packconfig

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"

	"github.com/packsync/packsync/internal/pyyaml"
)

// Registered is a config as StackStorm's API shows it: as JSON has it, numbers as
// json.Number.
type Registered struct {
	Values map[string]any
	Mask   string // what stands for a secret
}

// DiffRegistered compares a config file with what StackStorm has registered, by
// key path, in the order of the keys. What cannot be compared counts as equal: a
// secret, which StackStorm masks, and a number that JSON does not have. A
// difference that registering again does not mend would be shown for ever.
func DiffRegistered(file []byte, registered Registered) ([]KeyChange, error) {
	doc, err := pyyaml.Unmarshal(file)
	if err != nil {
		return nil, fmt.Errorf("read the config file: %w", err)
	}
	root := emptyIsMapping(doc.Root)
	if root.Kind != pyyaml.Mapping {
		return []KeyChange{{Kind: Changed}}, nil
	}
	r := registeredDiffer{mask: registered.Mask}
	r.mappings("", registered.Values, root)
	return r.changes, nil
}

type registeredDiffer struct {
	mask    string
	changes []KeyChange
}

func (r *registeredDiffer) mappings(path string, registered map[string]any, file *pyyaml.Node) {
	nodes, names := map[string]*pyyaml.Node{}, map[string]bool{}
	for _, pair := range file.Pairs() {
		nodes[pair.Key.Str()], names[pair.Key.Str()] = pair.Value, true
	}
	for name := range registered {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		shown := name
		if !plainName().MatchString(name) {
			shown = strconv.Quote(name)
		}
		before, was := registered[name]
		after, is := nodes[name]
		switch path := join(path, shown); {
		case !is:
			r.changes = append(r.changes, KeyChange{path, Removed})
		case !was:
			r.changes = append(r.changes, KeyChange{path, Added})
		default:
			r.values(path, before, after)
		}
	}
}

func (r *registeredDiffer) values(path string, registered any, file *pyyaml.Node) {
	same := false
	switch registered := registered.(type) {
	case string:
		// StackStorm writes a time in its own way.
		same = registered == r.mask || file.Kind == pyyaml.Timestamp || file.Kind == pyyaml.String && registered == file.Str()
	case map[string]any:
		if file.Kind == pyyaml.Mapping {
			r.mappings(path, registered, file)
			return
		}
	case []any:
		if items := file.Items(); file.Kind == pyyaml.List && len(items) == len(registered) {
			for i, item := range items {
				r.values(join(path, strconv.Itoa(i)), registered[i], item)
			}
			return
		}
	default:
		same = sameScalar(registered, file.Value())
	}
	if !same {
		r.changes = append(r.changes, KeyChange{path, Changed})
	}
}

// sameScalar compares a value of JSON with one of YAML.
func sameScalar(registered, file any) bool {
	number, isNumber := registered.(json.Number)
	switch file := file.(type) {
	case int64:
		return isNumber && number.String() == strconv.FormatInt(file, 10)
	case *big.Int:
		return isNumber && number.String() == file.String()
	case float64:
		if math.IsNaN(file) || math.IsInf(file, 0) {
			return true
		}
		f, err := number.Float64()
		return isNumber && err == nil && f == file
	case bool, nil:
		return registered == file
	}
	return false
}
