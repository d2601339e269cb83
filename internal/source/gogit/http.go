package gogit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"github.com/packsync/packsync/internal/credential"
	"github.com/packsync/packsync/internal/transport"
)

// Smart HTTP is two requests; go-git's packp reads and writes their bodies. Its
// own HTTP session (transport/http) is not used, because it reads the body of an
// error answer without a bound, drops Retry-After and the cause of a failed
// POST, and breaks URLs with escaped characters.

// errNotGit reports an answer that is not what a git server says.
var errNotGit = errors.New("the answer is not that of a git server")

// httpSession speaks to one repository over smart HTTP. It has no connection of
// its own and may be used for several requests, one after the other.
type httpSession struct {
	client   *http.Client
	base     string            // URL without a trailing slash; changed by a redirect of the first request
	login    *credential.Login // nil for none
	clock    transport.Clock
	advBytes int64 // bound of an advertisement
}

func (s *httpSession) advertise(ctx context.Context) (*packp.AdvRefs, error) {
	resp, err := s.do(ctx, http.MethodGet, "/info/refs?service=git-upload-pack", nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // the answer was read, or is given up
	if err := checkType(resp, "application/x-git-upload-pack-advertisement"); err != nil {
		return nil, err
	}
	if to := resp.Request.URL; strings.HasSuffix(to.Path, "/info/refs") {
		to.RawQuery = ""
		s.base = strings.TrimSuffix(to.String(), "/info/refs")
	}
	return readAdvertisement(resp.Body, s.advBytes)
}

func (s *httpSession) fetch(ctx context.Context, req *packp.UploadPackRequest) (io.ReadCloser, error) {
	var body bytes.Buffer
	if err := writeRequest(&body, req); err != nil {
		return nil, err
	}
	resp, err := s.do(ctx, http.MethodPost, "/git-upload-pack", &body)
	if err != nil {
		return nil, err
	}
	if err := checkType(resp, "application/x-git-upload-pack-result"); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	return readResponse(resp.Body, req)
}

func (s *httpSession) close() error { return nil }

func (s *httpSession) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		req.Header.Set("Accept", "application/x-git-upload-pack-result")
	}
	if s.login != nil {
		req.SetBasicAuth(s.login.Username, s.login.Password)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		s.login.Judge(ctx, false)
	case resp.StatusCode < 300:
		s.login.Judge(ctx, true)
	}
	if err := transport.CheckStatus(resp, s.clock.Now()); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	return resp, nil
}

// checkType tells a git server from a captive portal or a login page, which
// answer 200 to everything.
func checkType(resp *http.Response, want string) error {
	got, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err == nil && got == want:
		return nil
	case got == "text/html":
		return fmt.Errorf("%w but a web page", errNotGit)
	case got == "text/plain" || got == "application/octet-stream":
		return fmt.Errorf("%w: plain files, perhaps a repository served without git's smart HTTP", errNotGit)
	}
	return fmt.Errorf("%w: its content type is %q", errNotGit, got)
}
