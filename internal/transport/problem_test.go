package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/transport"
)

func TestDiagnose(t *testing.T) {
	asked := func(err error) error { return &url.Error{Op: "Get", URL: "https://jane:s3cret@x.example", Err: err} }
	for _, c := range []struct {
		err   error
		kind  transport.Kind
		retry bool
		text  string
	}{
		{asked(context.Canceled), transport.Canceled, false, "it was interrupted"},
		{asked(context.DeadlineExceeded), transport.Timeout, true, "no answer in time"},
		{asked(&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}), transport.Timeout, true, "no answer in time"},
		{asked(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x.example", IsNotFound: true}}), transport.DNS, false, `the name "x.example" does not resolve: no such host`},
		{asked(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "try later", Name: "x.example", IsTemporary: true}}), transport.DNS, true, `the name "x.example" does not resolve: try later`},
		{asked(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}), transport.Connect, true, "connection refused"},
		{asked(io.EOF), transport.Cut, true, "the connection was cut"},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), transport.Cut, true, "the connection was cut"},
		{asked(&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}), transport.Cut, true, "the connection was cut"},
		{&transport.StatusError{Status: 404}, transport.Status, false, "the server answered 404 Not Found"},
		{&transport.StatusError{Status: 501}, transport.Status, false, "the server answered 501 Not Implemented"},
		{&transport.StatusError{Status: 799}, transport.Status, true, "the server answered 799"},
		{transport.ErrStalled, transport.Timeout, true, transport.ErrStalled.Error()},
		{asked(errors.New("odd")), transport.Unknown, false, "odd"},
	} {
		got := transport.Diagnose(c.err, time.Now())
		if got.Kind != c.kind || got.Retry != c.retry || got.Text != c.text {
			t.Errorf("%v: %+v, want %+v", c.err, got, c)
		}
	}
}

func TestCheckStatus(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for after, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-1": 0, "soon": 0, "99999999999999999999": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
	} {
		err := transport.CheckStatus(&http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {after}}}, now)
		var status *transport.StatusError
		if !errors.As(err, &status) || status.RetryAfter != want {
			t.Errorf("Retry-After %q: %+v, want %v", after, status, want)
		}
	}
	if err := transport.CheckStatus(&http.Response{StatusCode: 204}, now); err != nil {
		t.Errorf("204: %v", err)
	}
}

// clock does not wait.
type clock struct {
	now   time.Time
	slept []time.Duration
	fail  error
}

func (c *clock) Now() time.Time { return c.now }

func (c *clock) Sleep(_ context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return c.fail
}

func TestRetry(t *testing.T) {
	busy := &transport.StatusError{Status: 503}
	for _, c := range []struct {
		name  string
		errs  []error // of each try; then success
		tries int
		ok    bool
		waits []time.Duration // at least; at most three times as long
	}{
		{"success", nil, 1, true, nil},
		{"one failure", []error{busy}, 2, true, []time.Duration{250 * time.Millisecond}},
		{"always", []error{busy, busy, busy, busy}, 3, false, []time.Duration{250 * time.Millisecond, 500 * time.Millisecond}},
		{"no use", []error{&transport.StatusError{Status: 403}}, 1, false, nil},
		{"as asked", []error{&transport.StatusError{Status: 429, RetryAfter: 20 * time.Second}}, 2, true, []time.Duration{20 * time.Second}},
		{"asked too much", []error{&transport.StatusError{Status: 429, RetryAfter: time.Hour}}, 1, false, nil},
		{"past the deadline", []error{&transport.StatusError{Status: 429, RetryAfter: 100 * time.Second}}, 1, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			clk := &clock{now: time.Now()}
			ctx, cancel := context.WithDeadline(t.Context(), clk.now.Add(time.Minute))
			defer cancel()
			tries := 0
			err := transport.Retry(ctx, clk, func(context.Context) error {
				tries++
				if tries <= len(c.errs) {
					return c.errs[tries-1]
				}
				return nil
			})
			if tries != c.tries || (err == nil) != c.ok || len(clk.slept) != len(c.waits) {
				t.Fatalf("%d tries, waits %v, error %v; want %+v", tries, clk.slept, err, c)
			}
			for i, want := range c.waits {
				if clk.slept[i] < want || clk.slept[i] > 3*want {
					t.Errorf("wait %d is %v, want about %v", i+1, clk.slept[i], want)
				}
			}
		})
	}
}

func TestRetryEndsWithTheContext(t *testing.T) {
	clk := &clock{now: time.Now(), fail: context.Canceled}
	busy := &transport.StatusError{Status: 503}
	tries := 0
	err := transport.Retry(t.Context(), clk, func(context.Context) error { tries++; return busy })
	if tries != 1 || !errors.Is(err, busy) {
		t.Errorf("%d tries, error %v", tries, err)
	}
}
