package gogit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

// session is a conversation with git-upload-pack on the other side. Over ssh it
// is one connection, which begins with advertise and allows one fetch; over HTTP
// fetch may also come first, and again.
type session interface {
	advertise(ctx context.Context) (*packp.AdvRefs, error)
	// fetch returns the packfile as it arrives.
	fetch(ctx context.Context, req *packp.UploadPackRequest) (io.ReadCloser, error)
	close() error
}

// errEmptyAnswer reports a server that ended the conversation without a word, as
// old ones do when they do not like a request.
var errEmptyAnswer error = &plainError{"the answer is empty", io.ErrUnexpectedEOF}

// refusedError is what the git program on the other side said instead of an
// answer. Its text is foreign: Error quotes it.
type refusedError struct{ text string }

func (e *refusedError) Error() string {
	const longest = 300
	return fmt.Sprintf("the git server says: %.*q", longest, e.text)
}

// refusesWant reports an answer that means "I do not give you this commit": the
// words of git, of gitolite-like wrappers and of JGit.
func refusesWant(err error) bool {
	var refused *refusedError
	if !errors.As(err, &refused) {
		return false
	}
	text := strings.ToLower(refused.text)
	return strings.Contains(text, "not our ref") || strings.Contains(text, "not valid") ||
		strings.Contains(text, "unadvertised object") || strings.Contains(text, "no such")
}

// capabilities asked for without having seen what the server has: every git
// since 2008 knows them, and an unknown one is ignored. Thin packs are never
// asked for: their bases would be elsewhere.
func requestFor(depth int, wants ...plumbing.Hash) (*packp.UploadPackRequest, error) {
	req := packp.NewUploadPackRequest()
	req.Wants = wants
	req.Depth = packp.DepthCommits(depth)
	caps := []capability.Capability{capability.Sideband64k, capability.OFSDelta, capability.NoProgress}
	if depth > 0 {
		caps = append(caps, capability.Shallow)
	}
	for _, c := range caps {
		if err := req.Capabilities.Set(c); err != nil {
			return nil, fmt.Errorf("make request: %w", err)
		}
	}
	if err := req.Capabilities.Set(capability.Agent, "packsync"); err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	return req, nil
}

// narrow takes out of a request what the server does not have.
func narrow(req *packp.UploadPackRequest, adv *packp.AdvRefs) {
	for _, c := range []capability.Capability{capability.Sideband64k, capability.OFSDelta, capability.NoProgress, capability.Agent, capability.Shallow} {
		if !adv.Capabilities.Supports(c) {
			req.Capabilities.Delete(c)
		}
	}
	if !req.Capabilities.Supports(capability.Shallow) {
		req.Depth = packp.DepthCommits(0)
	}
}

func writeRequest(w io.Writer, req *packp.UploadPackRequest) error {
	if err := req.Validate(); err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	if err := req.UploadRequest.Encode(w); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	if err := pktline.NewEncoder(w).EncodeString("done\n"); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	return nil
}

// readAdvertisement reads the refs that a server offers. An empty repository
// gives an AdvRefs without refs.
func readAdvertisement(r io.Reader, limit int64) (*packp.AdvRefs, error) {
	adv := packp.NewAdvRefs()
	bounded := &boundedReader{r: r, left: limit, what: "its list of branches and tags"}
	in := &notingReader{r: bounded}
	switch err := adv.Decode(in); {
	case bounded.err != nil:
		return nil, bounded.err
	case errors.Is(err, packp.ErrEmptyAdvRefs):
		return packp.NewAdvRefs(), nil
	case err != nil:
		return nil, in.explain(err)
	}
	if formats := adv.Capabilities.Get("object-format"); len(formats) > 0 && formats[0] != "sha1" {
		return nil, fmt.Errorf("its objects are named by %q: only SHA-1 repositories are supported", formats[0])
	}
	return adv, nil
}

// readResponse reads up to the packfile. It owns body.
func readResponse(body io.ReadCloser, req *packp.UploadPackRequest) (io.ReadCloser, error) {
	in := &notingReader{r: body}
	resp := packp.NewUploadPackResponse(req)
	if err := resp.Decode(io.NopCloser(in)); err != nil {
		return nil, errors.Join(in.explain(err), body.Close())
	}
	var r io.Reader = resp
	if req.Capabilities.Supports(capability.Sideband64k) {
		r = &sidebandReader{r: sideband.NewDemuxer(sideband.Sideband64k, resp), in: in}
	}
	return struct {
		io.Reader
		io.Closer
	}{r, body}, nil
}

// sidebandReader takes the server's complaints out of go-git's words.
type sidebandReader struct {
	r  io.Reader
	in *notingReader
}

func (s *sidebandReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if text, found := strings.CutPrefix(err.Error(), "unexpected error: "); found {
		return n, &refusedError{strings.TrimSpace(text)}
	}
	return n, s.in.explain(err)
}

// notingReader remembers how the stream ended: go-git's readers take a cut
// connection for a breach of the protocol.
type notingReader struct {
	r   io.Reader
	end error
}

func (n *notingReader) Read(p []byte) (int, error) {
	count, err := n.r.Read(p)
	if err != nil {
		n.end = err
	}
	return count, err
}

// explain translates what go-git's readers report.
func (n *notingReader) explain(err error) error {
	var line *pktline.ErrorLine
	var unexpected *packp.ErrUnexpectedData
	switch {
	case errors.As(err, &line):
		return &refusedError{line.Text}
	case n.end != nil && !errors.Is(n.end, io.EOF):
		return fmt.Errorf("read answer: %w", n.end)
	case errors.Is(err, packp.ErrEmptyInput), errors.Is(err, io.EOF):
		return errEmptyAnswer
	case n.end != nil:
		return &plainError{"the answer ends early", io.ErrUnexpectedEOF}
	case errors.As(err, &unexpected), errors.Is(err, pktline.ErrInvalidPktLen):
		return fmt.Errorf("%w: it breaks the git protocol", errNotGit)
	}
	return err
}

// boundedReader ends with an error after a number of bytes, unlike
// io.LimitReader, whose end looks like the end of the data.
type boundedReader struct {
	r    io.Reader
	left int64
	what string
	err  error
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.err = limitError("%s is larger than what is allowed", b.what)
		return 0, b.err
	}
	return n, err
}
