package view

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/packsync/packsync/internal/trace"
)

// Progress shows how far long work is. On a terminal a block of lines is redrawn
// in place: one line for the step, one for each pack that is worked on. Elsewhere
// each thing that ended is a line of its own. It only observes: what it shows is
// what a trace knows. Safe for concurrent use.
type Progress struct {
	opts ProgressOptions

	mu    sync.Mutex
	shown []string // the block on the terminal; nil for none
	over  bool
	stop  chan struct{}
	ended chan struct{}
}

// ProgressOptions says where progress is shown.
type ProgressOptions struct {
	W        io.Writer
	Terminal bool // W is a terminal that can move its cursor
	Trace    *trace.Trace
	// Size tells how large the terminal is now: it is asked before every drawing,
	// because windows are resized.
	Size func() (columns, rows int)
	// Ticks says when to draw again.
	Ticks <-chan time.Time
}

const (
	// showAfter is how long a run must take before anything is shown: what is over
	// at once needs no progress, and flashing lines are worse than none.
	showAfter = 500 * time.Millisecond
	// shownPacks is how many packs have a line at most.
	shownPacks = 8
	barWidth   = 24
)

// NewProgress begins to show. The caller closes it.
func NewProgress(opts ProgressOptions) *Progress {
	p := &Progress{opts: opts, stop: make(chan struct{}), ended: make(chan struct{})}
	if !opts.Terminal {
		close(p.ended)
		return p
	}
	go func() {
		defer close(p.ended)
		for {
			select {
			case <-p.stop:
				return
			case <-opts.Ticks:
				p.Draw()
			}
		}
	}()
	return p
}

// Draw shows what is going on now.
func (p *Progress) Draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	columns, rows := p.opts.Size()
	p.replace(frame(p.opts.Trace.Snapshot(), columns, rows))
}

// replace writes the block anew, in one write and line by line over the old one,
// so that nothing flickers. If the window became narrower since, the terminal may
// have broken the old lines: then a fragment may stay above, but nothing that is
// not ours is ever erased.
func (p *Progress) replace(lines []string) {
	if len(lines) == len(p.shown) && strings.Join(lines, "\n") == strings.Join(p.shown, "\n") {
		return
	}
	var b strings.Builder
	if p.shown != nil {
		b.WriteString("\r")
		if up := len(p.shown) - 1; up > 0 {
			fmt.Fprintf(&b, "\x1b[%dA", up)
		}
	}
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line + "\x1b[K")
	}
	if len(lines) < len(p.shown) {
		b.WriteString("\x1b[J")
	}
	p.shown = lines
	// Progress that cannot be written must not stop the work.
	_, _ = io.WriteString(p.opts.W, b.String())
}

// Aside prints something else where the block stands; the next drawing puts the
// block below it.
func (p *Progress) Aside(print func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replace(nil)
	print()
}

// Ended tells that one thing came to its end, e.g. "fetch", "aws". Only where
// there is no terminal it prints a line.
func (p *Progress) Ended(label, name string, ok bool) {
	if p.opts.Terminal {
		return
	}
	outcome := "done"
	if !ok {
		outcome = "failed"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// A progress line that cannot be written must not stop the work.
	_, _ = fmt.Fprintf(p.opts.W, "%s %s: %s\n", label, name, outcome)
}

// Close takes the block away, so that ordinary text can follow. It may be called
// twice.
func (p *Progress) Close() {
	p.mu.Lock()
	if !p.over {
		p.replace(nil)
		p.over = true
		close(p.stop)
	}
	p.mu.Unlock()
	<-p.ended
}

// frame is the block for what a trace knows: nil while there is nothing to show.
// No line is as wide as the terminal, since some then go to the next one.
func frame(s trace.Snapshot, columns, rows int) []string {
	if s.Now == nil || s.Now.Step == trace.Confirm || s.Total < showAfter || columns < 2 || rows < 1 {
		return nil
	}
	lines := []string{stepLine(s.Now, columns)}
	packs := s.Now.Packs
	room := min(shownPacks, rows-2) // the prompt above stays in sight
	hidden := 0
	if len(packs) > room {
		room = max(0, room-1)
		hidden = len(packs) - room
		packs = packs[:room]
	}
	wide := 0
	for _, p := range packs {
		wide = max(wide, len(p.Ref))
	}
	for _, p := range packs {
		lines = append(lines, packLine(p, wide, columns))
	}
	if hidden > 0 && rows > 2 {
		lines = append(lines, fmt.Sprintf("  and %d more", hidden))
	}
	for i, line := range lines {
		lines[i] = Quote(line)[:min(len(line), columns-1)]
	}
	return lines
}

// stepLine is the line of the whole step: "fetch  12 of 25 packs  3.1 MiB  1.4 s".
// Where there is room, and the end is known, a bar shows the same.
func stepLine(r *trace.Running, columns int) string {
	fields := []string{string(r.Step)}
	switch {
	case r.Total > 0:
		fields = append(fields, fmt.Sprintf("%d of %s", r.Done, plural(r.Total, "pack", "packs")))
	case r.Done > 0 || len(r.Packs) > 0:
		fields = append(fields, plural(r.Done, "pack", "packs")+" done")
	}
	if amount := amounts(0, r.Files, r.Bytes); amount != "" {
		fields = append(fields, amount)
	}
	fields = append(fields, elapsed(r.Spent))
	line := strings.Join(fields, "  ")
	if r.Total > 0 && len(line)+barWidth+4 < columns {
		filled := barWidth * r.Done / max(r.Total, r.Done)
		bar := "[" + strings.Repeat("#", filled) + strings.Repeat("-", barWidth-filled) + "]"
		line = strings.Join([]string{fields[0], bar, strings.Join(fields[1:], "  ")}, "  ")
	}
	return line
}

// elapsed writes a duration that still grows: with tenths, so that it moves evenly.
func elapsed(d time.Duration) string {
	if d < 9950*time.Millisecond {
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	}
	return seconds(d)
}

// doing says what happens to a pack.
func doing(p trace.Part) string {
	switch p {
	case trace.Asking:
		return "asking"
	case trace.Receiving:
		return "receiving"
	case trace.Decoding:
		return "decoding"
	case trace.Inventory:
		return "reading"
	case trace.CacheWrite:
		return "keeping"
	case trace.Writing:
		return "writing"
	case trace.Verifying:
		return "verifying"
	case trace.Building:
		return "virtualenv"
	case trace.Telling, trace.Unregister:
		return "StackStorm"
	default:
		return string(p)
	}
}

// packLine is the line of one pack: its name, what happens to it, how much of it
// is done and since when. The narrower the terminal is, the less it says.
func packLine(p trace.RunningPack, wide, columns int) string {
	const around = 2 + 2 + len("virtualenv") + 2 + len("9.9 s ")
	name := string(p.Ref)
	if room := max(columns-1-around, 6); wide > room {
		wide = room
		if len(name) > room {
			name = name[:room-2] + ".."
		}
	}
	line := fmt.Sprintf("  %-*s  %-10s  %-6s", wide, name, doing(p.Part), elapsed(p.Spent))
	if amount := amounts(0, p.Files, p.Bytes); amount != "" && len(line)+2+len(amount) < columns {
		line += "  " + amount
	}
	return strings.TrimRight(line, " ")
}
