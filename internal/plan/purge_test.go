package plan

import (
	"fmt"
	"maps"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// parseTold reads the lines about what StackStorm was told:
//
//	told jira was: action old, sensor Poll (disabled); has: action new
//	told jira unknown: nobody knows
//	owner alias hello is slack
//	uses acme jira
//	users none, or: users jira.tick acme.on_tick
//	nobody can purge
func parseTold(in *Input, fields []string) {
	text := strings.Join(fields[1:], " ")
	switch fields[0] {
	case "told":
		ref := fields[1]
		told := Told{Left: map[pack.Object]Left{}}
		_, told.Unknown, _ = strings.Cut(text, "unknown: ")
		was, has, _ := strings.Cut(text, "; has:")
		if _, list, found := strings.Cut(was, "was: "); found {
			told.Objects = objectsOf(ref, list, told.Left)
		}
		told.Have = objectsOf(ref, strings.TrimSpace(has), nil)
		if in.Told == nil {
			in.Told = map[pack.Ref]Told{}
		}
		in.Told[pack.Ref(ref)] = told
	case "owner":
		in.Owners = map[pack.Object]pack.Ref{{Kind: fields[1], Ref: fields[2]}: pack.Ref(fields[4])}
	case "uses":
		if in.Uses == nil {
			in.Uses = map[pack.Ref][]pack.Ref{}
		}
		in.Uses[pack.Ref(fields[1])] = append(in.Uses[pack.Ref(fields[1])], pack.Ref(fields[2]))
	case "users":
		in.KnowsUsers, in.TriggerUsers = true, map[string][]string{}
		if len(fields) > 2 {
			in.TriggerUsers[fields[1]] = fields[2:]
		}
	case "nobody":
		in.NoPurge = "nobody can"
	}
}

func objectsOf(ref, list string, left map[pack.Object]Left) (out []pack.Object) {
	for text := range strings.SplitSeq(list, ", ") {
		text, why, kept := strings.Cut(strings.TrimSuffix(text, ")"), " (")
		at := strings.LastIndex(text, " ")
		if at < 0 {
			continue
		}
		o := pack.Object{Kind: text[:at], Ref: ref + "." + text[at+1:]}
		out = append(out, o)
		if kept {
			left[o] = Left(why)
		}
	}
	return out
}

func words(text string) (out []string) {
	for word := range strings.SplitSeq(text, ",") {
		if word != "" {
			out = append(out, word)
		}
	}
	return out
}

func renderStale(b *strings.Builder, stale []Stale) {
	for _, s := range stale {
		fmt.Fprintf(b, "  %s %s", s.Do, s.Object)
		if s.Why != "" {
			fmt.Fprintf(b, " (%s)", s.Why)
		}
		b.WriteString("\n")
	}
}

// toldAfter is what is written down once a plan was carried out.
func toldAfter(in Input, p *Plan) map[pack.Ref]Told {
	out := maps.Clone(in.Told)
	for _, c := range p.Changes {
		told, looked := in.Told[c.Ref]
		if !looked {
			continue
		}
		after := Told{Objects: told.Have, Have: told.Have, Left: map[pack.Object]Left{}}
		for _, s := range c.Stale {
			left := s.Left
			if s.Do == Disable {
				left = LeftDisabled
			}
			if left != "" {
				after.Objects = append(after.Objects, s.Object)
				after.Left[s.Object] = left
			}
		}
		out[c.Ref] = after
	}
	return out
}
