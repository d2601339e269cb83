package config

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/pack"
)

// plainValue turns an evaluated value into plain Go: map[string]any, []any,
// string, bool, int64, *big.Int, float64, nil. The smallest part that carries the
// sensitive mark becomes a pack.Secret. What is null in a map, or not known, is
// left out of it; unknown tells of the latter.
func plainValue(v cty.Value) (plain any, unknown bool, err error) {
	if v.IsMarked() {
		bare, _ := v.UnmarkDeep()
		if plain, unknown, err = plainValue(bare); err != nil || plain == nil {
			return nil, unknown, err
		}
		return pack.NewSecret(plain), unknown, nil
	}
	switch typ := v.Type(); {
	case !v.IsKnown():
		return nil, true, nil
	case v.IsNull():
		return nil, false, nil
	case typ == cty.String:
		return v.AsString(), false, nil
	case typ == cty.Bool:
		return v.True(), false, nil
	case typ == cty.Number:
		plain, err = plainNumber(v.AsBigFloat())
		return plain, false, err
	case typ.IsListType() || typ.IsSetType() || typ.IsTupleType():
		return plainList(v)
	case typ.IsMapType() || typ.IsObjectType():
		return plainMap(v)
	}
	return nil, false, fmt.Errorf("%s cannot be written to a config file", article(v.Type().FriendlyName()))
}

func plainList(v cty.Value) (any, bool, error) {
	list := make([]any, 0, v.LengthInt())
	anyUnknown := false
	for _, item := range v.Elements() {
		plain, unknown, err := plainValue(item)
		if err != nil {
			return nil, false, err
		}
		anyUnknown = anyUnknown || unknown
		list = append(list, plain)
	}
	return list, anyUnknown, nil
}

func plainMap(v cty.Value) (any, bool, error) {
	values := map[string]any{}
	anyUnknown := false
	for key, item := range v.Elements() {
		plain, unknown, err := plainValue(item)
		if err != nil {
			return nil, false, err
		}
		anyUnknown = anyUnknown || unknown
		if plain != nil {
			values[key.AsString()] = plain
		}
	}
	return values, anyUnknown, nil
}

// maxBits is the precision of numbers in HCL: beyond it they were rounded.
const maxBits = 512

func plainNumber(f *big.Float) (any, error) {
	if f.IsInf() {
		return nil, errors.New("an infinite number cannot be written to a config file")
	}
	if f.MantExp(nil) > maxBits {
		return nil, errors.New("a number is too large")
	}
	if !f.IsInt() {
		out, _ := f.Float64()
		return out, nil
	}
	if i, accuracy := f.Int64(); accuracy == big.Exact {
		return i, nil
	}
	i, _ := f.Int(nil)
	return i, nil
}
