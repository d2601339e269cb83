package trace

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/packsync/packsync/internal/pack"
)

// Snapshot is what a trace knows at one moment.
type Snapshot struct {
	Total time.Duration // since the trace began
	Steps []StepTime    // in the order in which they began
	// Parts lists what was done within the steps, the longest first.
	Parts []PartTime
	Packs []PackTime // the longest first
	Now   *Running   // the step that runs; nil for none
}

// StepTime is the time of one step. Steps follow each other: their times add up
// to less than the total.
type StepTime struct {
	Step         Step
	Spent        time.Duration
	Packs        int // that were worked on
	Bytes, Files int64
}

// PartTime is the time of one part. Wall is how long at least one such part was
// running, Sum what all of them took together, side by side.
type PartTime struct {
	Part      Part
	Count     int
	Wall, Sum time.Duration
}

// PackTime is what was spent on one pack, with what was done for it, the longest
// first. Packs are worked on side by side: their times add up to more than the
// total.
type PackTime struct {
	Ref   pack.Ref
	Spent time.Duration
	Parts []PartTime // Wall and Sum are the same
}

// Running is a step in its course.
type Running struct {
	Step         Step
	Spent        time.Duration
	Total, Done  int // packs; Total is 0 where it is not known beforehand
	Bytes, Files int64
	Packs        []RunningPack // that are worked on now, the longest first
}

// RunningPack is one pack that is worked on.
type RunningPack struct {
	Ref          pack.Ref
	Part         Part // "" between two parts
	Spent        time.Duration
	Bytes, Files int64
}

// Snapshot returns what is known now. The nil trace knows nothing.
func (t *Trace) Snapshot() Snapshot {
	if t == nil {
		return Snapshot{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	out := Snapshot{Total: now.Sub(t.began)}
	for _, s := range t.steps {
		out.Steps = append(out.Steps, StepTime{Step: s.name, Spent: t.spentBy(s, now), Packs: s.done, Bytes: s.bytes.Load(), Files: s.files.Load()})
	}
	for _, p := range t.parts {
		wall := p.wall
		if p.running > 0 {
			wall += now.Sub(p.since)
		}
		out.Parts = append(out.Parts, PartTime{Part: p.name, Count: p.count, Wall: wall, Sum: p.sum})
	}
	slices.SortStableFunc(out.Parts, func(a, b PartTime) int { return cmp.Compare(b.Sum, a.Sum) })
	for ref, p := range t.packs {
		out.Packs = append(out.Packs, p.time(ref))
	}
	slices.SortFunc(out.Packs, func(a, b PackTime) int {
		return cmp.Or(cmp.Compare(b.Spent, a.Spent), cmp.Compare(a.Ref, b.Ref))
	})
	if t.current != nil {
		out.Now = t.running(now)
	}
	return out
}

func (t *Trace) spentBy(s *stepTally, now time.Time) time.Duration {
	if t.current == s {
		return s.spent + now.Sub(s.since)
	}
	return s.spent
}

func (p *packTally) time(ref pack.Ref) PackTime {
	out := PackTime{Ref: ref, Spent: p.spent}
	for _, name := range slices.Sorted(maps.Keys(p.parts)) {
		out.Parts = append(out.Parts, PartTime{Part: name, Count: 1, Wall: p.parts[name], Sum: p.parts[name]})
	}
	slices.SortStableFunc(out.Parts, func(a, b PartTime) int { return cmp.Compare(b.Sum, a.Sum) })
	return out
}

func (t *Trace) running(now time.Time) *Running {
	s := t.current
	out := &Running{Step: s.name, Spent: t.spentBy(s, now), Total: s.total, Done: s.done, Bytes: s.bytes.Load(), Files: s.files.Load()}
	for root := range t.active {
		r := RunningPack{Ref: root.ref, Spent: now.Sub(root.began), Bytes: root.bytes.Load(), Files: root.files.Load()}
		if root.leaf.part != nil {
			r.Part = root.leaf.part.name
		}
		out.Packs = append(out.Packs, r)
	}
	slices.SortFunc(out.Packs, func(a, b RunningPack) int {
		return cmp.Or(cmp.Compare(b.Spent, a.Spent), cmp.Compare(a.Ref, b.Ref))
	})
	return out
}
