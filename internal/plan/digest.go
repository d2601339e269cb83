package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// digest hashes parts so that no two different lists give the same bytes.
func digest(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		sum.Write(fmt.Appendf(nil, "%d:%s,", len(part), part)) // a hash.Hash never fails
	}
	return "d1:" + hex.EncodeToString(sum.Sum(nil))
}

// Digest names a list of texts; it is what the digests of Input.Parts and the
// desired digest are made with.
func Digest(parts ...string) string { return digest(parts...) }

// seal computes the plan digest over all that the plan says and rests on.
func (p *Plan) seal() { p.PlanDigest = p.computeDigest() }

// Sealed reports whether the plan digest fits the plan: a saved plan that was
// edited does not.
func (p *Plan) Sealed() bool { return p.PlanDigest == p.computeDigest() }

func (p *Plan) computeDigest() string {
	unsealed := *p
	unsealed.PlanDigest = ""
	data, err := json.Marshal(unsealed)
	if err != nil {
		panic(fmt.Sprintf("marshal a plan: %v", err)) // plain data only: cannot fail
	}
	return digest("plan", string(data))
}

// Moved compares the parts that two plans rest on and names those that differ,
// in sentences for a person.
func Moved(saved, now *Plan) []string {
	names := map[string]bool{}
	for name := range saved.Parts {
		names[name] = true
	}
	for name := range now.Parts {
		names[name] = true
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, had := saved.Parts[name]
		after, has := now.Parts[name]
		switch {
		case !had:
			out = append(out, name+" is new")
		case !has:
			out = append(out, name+" is gone")
		case before != after:
			out = append(out, name+" changed")
		}
	}
	return out
}
