package gogit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/transport"
)

// networkBackend asks a git server.
type networkBackend struct {
	remote  *remote // for limits and progress
	connect func(context.Context) (session, error)
	direct  bool // a request needs no advertisement before it: HTTP
}

func (b *networkBackend) isLocal() bool { return false }

// with runs ask in a session.
func (b *networkBackend) with(ctx context.Context, ask func(session) error) error {
	s, err := b.connect(ctx)
	if err != nil {
		return err
	}
	return errors.Join(ask(s), s.close())
}

func (b *networkBackend) advertised(ctx context.Context) (a *advertised, err error) {
	err = b.with(ctx, func(s session) error {
		adv, err := s.advertise(ctx)
		if err == nil {
			a = fromServer(adv)
		}
		return err
	})
	return a, err
}

// commitPack goes down the ladder: the bare commit, the ref that names it, all of
// the repository.
func (b *networkBackend) commitPack(ctx context.Context, commit plumbing.Hash, ref string) (p *packed, err error) {
	if b.direct {
		// One request where the server plays along. Over HTTP git checks what is
		// reachable, not what was advertised, so that most servers do.
		err = b.with(ctx, func(s session) error {
			p, err = b.receive(ctx, s, nil, 1, commit)
			return err
		})
		if err == nil || !worthAsking(err) {
			return p, err
		}
	}
	var adv *packp.AdvRefs
	var offer *advertised
	err = b.with(ctx, func(s session) error {
		if adv, err = s.advertise(ctx); err != nil {
			return err
		}
		offer = fromServer(adv)
		want, named := offer.tip(commit, ref)
		if !named && (!offer.bare || b.direct) {
			return nil
		}
		if !named {
			want = commit
		}
		p, err = b.receive(ctx, s, adv, 1, want)
		return err
	})
	if p != nil || err != nil && !refusesWant(err) {
		return p, err
	}
	return b.fromHistory(ctx, commit, ref, offer)
}

// worthAsking reports whether a server that did not give a bare commit may do
// better when it is asked in the order of the book.
func worthAsking(err error) bool {
	var refused *refusedError
	var redirect *transport.RedirectError
	var status *transport.StatusError
	if errors.As(err, &status) {
		switch status.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired,
			http.StatusRequestTimeout, http.StatusTooManyRequests:
			return false
		}
		return status.Status < 500
	}
	return errors.As(err, &refused) || errors.As(err, &redirect) || errors.Is(err, errEmptyAnswer)
}

// fromHistory fetches everything and picks the commit. It is the last resort: a
// server that gives only tips, and a pin that is no tip (any more).
func (b *networkBackend) fromHistory(ctx context.Context, commit plumbing.Hash, ref string, offer *advertised) (*packed, error) {
	gone := errGone
	if now, ok := offer.commit(ref); ok && now != commit {
		gone = fmt.Errorf("%w; %s now names %s", errGone, ref, now)
	}
	all, err := b.history(ctx)
	if errors.Is(err, errNoCommits) {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	if _, _, err := all.size(commit); err != nil {
		return nil, gone
	}
	return extract(ctx, all, commit, b.remote.limits)
}

// errNoCommits reports an empty repository.
var errNoCommits = errors.New("the repository is empty")

func (b *networkBackend) history(ctx context.Context) (objects, error) {
	var p *packed
	err := b.with(ctx, func(s session) error {
		adv, err := s.advertise(ctx)
		if err != nil {
			return err
		}
		wants := fromServer(adv).all()
		if len(wants) == 0 {
			return errNoCommits
		}
		p, err = b.receive(ctx, s, adv, 0, wants...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// receive asks for objects and reads the packfile that comes. adv is nil if none
// was read. depth 0 means all history.
func (b *networkBackend) receive(ctx context.Context, s session, adv *packp.AdvRefs, depth int, wants ...plumbing.Hash) (*packed, error) {
	limits := b.remote.limits
	if depth == 0 {
		limits = limits.history()
	}
	req, err := requestFor(depth, wants...)
	if err != nil {
		return nil, err
	}
	if adv != nil {
		narrow(req, adv)
	}
	receiving, span := trace.Do(ctx, trace.Receiving)
	defer span.End()
	r, err := s.fetch(receiving, req)
	if err != nil {
		return nil, err
	}
	decoding, decodingSpan := trace.Do(receiving, trace.Decoding)
	counted := &countingReader{Reader: r, ctx: decoding, tell: func(n int64) { b.remote.tell(Event{Phase: Receiving, Bytes: n}) }}
	p, err := decode(decoding, counted, limits)
	decodingSpan.End()
	if err != nil && counted.seen == 0 && errors.Is(err, errTruncated) {
		err = errEmptyAnswer
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	return p, nil
}

// countingReader tells how many bytes came, every quarter of a megabyte. Waiting
// for them is time of the server and the network, not of decoding.
type countingReader struct {
	io.Reader
	ctx        context.Context // whoever watches
	tell       func(int64)
	seen, told int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	_, span := trace.Do(c.ctx, trace.Receiving)
	n, err := c.Reader.Read(p)
	span.Add(int64(n), 0)
	span.End()
	if c.seen += int64(n); c.seen-c.told >= 256<<10 {
		c.told = c.seen
		c.tell(c.seen)
	}
	return n, err
}

// extract makes the packfile of one commit out of a larger store.
func extract(ctx context.Context, o objects, commit plumbing.Hash, l Limits) (*packed, error) {
	ids, err := closure(ctx, o, commit, l)
	if err != nil {
		return nil, err
	}
	data, err := encode(o, ids)
	if err != nil {
		return nil, err
	}
	return decode(ctx, bytes.NewReader(data), l)
}

// encode makes a packfile of objects, without deltas.
func encode(o objects, ids []plumbing.Hash) ([]byte, error) {
	store := memory.NewStorage()
	for _, id := range ids {
		kind, content, err := o.get(id)
		if err != nil {
			return nil, err
		}
		object := &plumbing.MemoryObject{}
		object.SetType(kind)
		if _, err := object.Write(content); err != nil {
			return nil, fmt.Errorf("make packfile: %w", err)
		}
		if _, err := store.SetEncodedObject(object); err != nil {
			return nil, fmt.Errorf("make packfile: %w", err)
		}
	}
	var buf bytes.Buffer
	if _, err := packfile.NewEncoder(&buf, store, false).Encode(ids, 0); err != nil {
		return nil, fmt.Errorf("make packfile: %w", err)
	}
	return buf.Bytes(), nil
}
