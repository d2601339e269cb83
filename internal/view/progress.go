package view

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Progress shows how far long work is: a bar on a terminal, plain lines
// elsewhere. It only observes. Safe for concurrent use.
type Progress struct {
	mu      sync.Mutex
	w       io.Writer
	bars    *mpb.Progress // nil: plain lines
	bar     *mpb.Bar
	label   string
	current map[string]bool
	last    atomic.Value // string; read by the goroutine that draws, which must never wait for mu
	total   int
	done    int
}

// NewProgress returns a Progress that writes to w, which is a terminal or not.
func NewProgress(w io.Writer, terminal bool) *Progress {
	p := &Progress{w: w, current: map[string]bool{}}
	p.last.Store("")
	if terminal {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithAutoRefresh())
	}
	return p
}

// Begin announces that one thing starts, e.g. "fetch", "aws".
func (p *Progress) Begin(label, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if label != p.label {
		p.closeBar()
		p.label, p.total, p.done = label, 0, 0
	}
	p.total++
	p.last.Store(name)
	p.current[name] = true
	if p.bars == nil {
		return
	}
	if p.bar == nil {
		p.bar = p.bars.AddBar(0,
			mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(label+" ")),
			mpb.AppendDecorators(decor.CountersNoUnit("%d/%d "), decor.Any(func(decor.Statistics) string { return Quote(p.last.Load().(string)) })))
	}
	p.bar.SetTotal(int64(p.total), false)
}

// End announces that one thing ended. Without a terminal it prints a line.
func (p *Progress) End(name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	delete(p.current, name)
	for other := range p.current {
		p.last.Store(other)
		break
	}
	if p.bars != nil {
		if p.bar != nil {
			p.bar.SetCurrent(int64(p.done))
		}
		return
	}
	outcome := "done"
	if err != nil {
		outcome = "failed"
	}
	// A progress line that cannot be written must not stop the work.
	_, _ = fmt.Fprintf(p.w, "%s %s: %s\n", p.label, name, outcome)
}

func (p *Progress) closeBar() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bar = nil
	}
}

// Close removes the bars, so that ordinary text can follow.
func (p *Progress) Close() {
	p.mu.Lock()
	p.closeBar()
	bars := p.bars
	p.bars = nil
	p.mu.Unlock()
	if bars != nil {
		bars.Wait()
	}
}
