package st2

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/pack"
)

// Options configure the API client.
type Options struct {
	URL    string // what /v1 is appended to, e.g. https://st2.example.com/api
	APIKey pack.Secret
	Token  pack.Secret  // at most one of APIKey and Token; both may be absent
	HTTP   *http.Client // proxy, CA and TLS; never nil. Redirects are not followed
	Clock  Clock        // nil means SystemClock
	// RequestTimeout bounds one request; a registration of a large pack takes
	// seconds. Default 5 minutes.
	RequestTimeout time.Duration
	// UnloadTimeout is how long to wait for the action packs.unload, which takes
	// 3 to 30 seconds with a working engine. Default 2 minutes.
	UnloadTimeout time.Duration
}

// NewAPI returns the client that talks to StackStorm's REST API
// (reference.md 2.3-2.5).
func NewAPI(opts Options) Client {
	if opts.Clock == nil {
		opts.Clock = SystemClock()
	}
	if opts.RequestTimeout == 0 {
		opts.RequestTimeout = 5 * time.Minute
	}
	if opts.UnloadTimeout == 0 {
		opts.UnloadTimeout = 2 * time.Minute
	}
	opts.URL = strings.TrimRight(opts.URL, "/")
	// A redirect would carry the API key to another host, and turn a POST into
	// a GET.
	client := *opts.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	opts.HTTP = &client
	return &api{opts}
}

type api struct{ Options }

func (*api) Kind() string { return "api" }

// maxBody is more than the largest list of a large installation; what is longer
// is not from StackStorm.
const maxBody = 64 << 20

// call is one request: Op and Path name it in errors.
type call struct {
	op     string // "register acme_tools"
	method string
	path   string // below /v1, with query
	body   any    // sent as JSON; nil for none
}

// answer is what came back.
type answer struct {
	status   int
	body     []byte
	fault    string // faultstring of an error, without config values
	location string // of a redirect
}

// send does one request and judges the answer: an error is a *Error, or the
// context's. mayPass tells whether it is worth trying again.
func (a *api) send(ctx context.Context, c call) (ans answer, mayPass bool, err error) {
	resp, err := a.roundTrip(ctx, c)
	if err != nil {
		if ctx.Err() != nil {
			return answer{}, false, ctx.Err()
		}
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			return answer{}, false, &Error{Op: c.op, Err: err,
				Hint: "set ca_file in registration \"api\" to the CA that signed StackStorm's certificate"}
		}
		return answer{}, true, &Error{Op: c.op, Err: a.conceal(err),
			Hint: "check that StackStorm's API runs and that url in registration \"api\" and the proxy settings lead to it"}
	}
	if resp.status >= 200 && resp.status < 300 {
		if len(resp.body) > 0 && !json.Valid(resp.body) {
			return answer{}, false, &Error{Op: c.op, Status: resp.status, Text: "the answer is not JSON: " + a.firstWords(resp.body), Hint: urlHint}
		}
		return resp, false, nil
	}
	e := &Error{Op: c.op, Status: resp.status, Text: resp.fault}
	switch resp.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Text, e.Hint = a.denied(resp.status)
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.Hint = "a proxy in front of StackStorm answered: its API does not run, or it needed longer than the proxy waits"
		mayPass = true
	default:
		switch {
		case resp.location != "":
			e.Text, e.Hint = "it sends on to "+resp.location, urlHint
		case e.Text == "":
			e.Text, e.Hint = "the answer is not from StackStorm: "+a.firstWords(resp.body), urlHint
		}
		mayPass = isTransient(e.Text)
	}
	return resp, mayPass, e
}

const urlHint = "url in registration \"api\" must be the address of StackStorm's API, to which /v1 is appended, e.g. https://st2.example.com/api"

// denied words a refusal of the credential. StackStorm's own text is left out:
// it repeats a hash of the key.
func (a *api) denied(status int) (text, hint string) {
	attribute := "api_key"
	switch {
	case a.APIKey.IsZero() && a.Token.IsZero():
		return http.StatusText(status), "set api_key (st2 apikey create -k) or token in registration \"api\""
	case a.APIKey.IsZero():
		attribute = "token"
	}
	if status == http.StatusForbidden {
		return "forbidden", "the user of " + attribute + " in registration \"api\" lacks a permission (pack_register; to remove packs also pack_all and execution rights on packs.unload)"
	}
	return "unauthorized", attribute + " in registration \"api\" is not valid, or no longer"
}

// roundTrip sends the request and reads the whole answer, within RequestTimeout.
func (a *api) roundTrip(ctx context.Context, c call) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, a.RequestTimeout)
	defer cancel()
	var body io.Reader
	if c.body != nil {
		data, err := json.Marshal(c.body)
		if err != nil {
			return answer{}, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, a.URL+"/v1"+c.path, body)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	if c.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	// X-Auth-Token goes first: StackStorm looks at no second credential.
	if token := a.Token.Text(); token != "" {
		req.Header.Set("X-Auth-Token", token)
	} else if key := a.APIKey.Text(); key != "" {
		req.Header.Set("St2-Api-Key", key)
	}
	resp, err := a.HTTP.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	if len(data) > maxBody {
		return answer{}, fmt.Errorf("the answer is longer than %d bytes", maxBody)
	}
	return answer{resp.StatusCode, data, a.readFault(data), resp.Header.Get("Location")}, nil
}

// readFault takes the reason out of an error's body, "" if it is not StackStorm's.
func (a *api) readFault(body []byte) string {
	var fault struct {
		Faultstring string `json:"faultstring"`
	}
	if json.Unmarshal(body, &fault) != nil {
		return ""
	}
	return a.redact(hideValues(fault.Faultstring))
}

// redact removes the credential from a text: a proxy may echo a request.
func (a *api) redact(text string) string {
	for _, secret := range []string{a.APIKey.Text(), a.Token.Text()} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, pack.Hidden)
		}
	}
	return text
}

// conceal keeps a transport error whose text is safe, which it always should be,
// and replaces one that holds the credential.
func (a *api) conceal(err error) error {
	if text := err.Error(); a.redact(text) != text {
		return errors.New(a.redact(text))
	}
	return err
}

// firstWords shows enough of a strange answer to recognise whose it is. It is
// only ever the beginning of a page, not of a config; but a page may repeat what
// was sent.
func (a *api) firstWords(body []byte) string {
	text := strings.Join(strings.Fields(a.redact(string(body))), " ")
	if text == "" {
		return "it is empty"
	}
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return fmt.Sprintf("%q", text)
}

// get reads a document, with retries: a 500 to a GET is an outage
// (server-behaviour.md 14).
func (a *api) get(ctx context.Context, op, path string, into any) error {
	return retry(ctx, a.Clock, func() (bool, error) {
		ans, mayPass, err := a.send(ctx, call{op: op, method: http.MethodGet, path: path})
		if err != nil {
			return mayPass || ans.status == http.StatusInternalServerError, err
		}
		if err := json.Unmarshal(ans.body, into); err != nil {
			return false, &Error{Op: op, Status: ans.status, Text: "the answer is not what StackStorm's API documents", Hint: urlHint, Err: err}
		}
		return false, nil
	})
}
