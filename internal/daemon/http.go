package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/packsync/packsync/internal/safefs"
)

// Listen opens the listener for what --listen names: HOST:PORT on the loopback
// interface, or unix:PATH. What the daemon says is for this host: there is no
// login, and none is needed to see which packs are installed.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	if path, is := strings.CutPrefix(address, "unix:"); is {
		return listenUnix(ctx, path)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: want 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:PATH", address)
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("listen on %q: only this host is answered, so it must be 127.0.0.1:%s, [::1]:%s or unix:PATH; put a proxy with a login before it for others", address, port, port)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// listenUnix takes the place of a socket that nobody listens on any more, which a
// daemon that was killed leaves behind.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("listen on unix:%s: the path must be absolute", path)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err == nil {
		return l, nil
	}
	conn, dialErr := new(net.Dialer).DialContext(ctx, "unix", path)
	if dialErr == nil {
		return nil, errors.Join(fmt.Errorf("listen on unix:%s: somebody else listens there", path), conn.Close())
	}
	// A file of any other kind refuses in the same way, and is somebody's.
	if info, statErr := os.Lstat(path); statErr != nil || info.Mode().Type() != fs.ModeSocket || !errors.Is(dialErr, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	if err := safefs.OS().RemoveAll(path); err != nil {
		return nil, fmt.Errorf("listen on unix:%s: remove the socket that nobody listens on: %w", path, err)
	}
	if l, err = new(net.ListenConfig).Listen(ctx, "unix", path); err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	return l, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// serve answers on the listener. An error on the channel means that it cannot any
// more.
func serve(l net.Listener, b *board) (*http.Server, <-chan error) {
	failed := make(chan error, 1)
	if l == nil {
		return nil, failed
	}
	server := &http.Server{
		Handler: handler(b), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("answer on %s: %w", l.Addr(), err)
		}
	}()
	return server, failed
}

// stop lets the requests under way end, for a moment.
func stop(server *http.Server) error {
	if server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(server.Close())
	}
	return nil
}

func handler(b *board) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		say(w, b.alive(time.Now()), "ok", "the loop does not turn")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		say(w, b.read().Ready, "ready", "no pass has made a plan yet: see /status")
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		data, err := json.MarshalIndent(b.read(), "", "  ")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(data, '\n')) // the client may be gone
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(b.metrics.registry, promhttp.HandlerOpts{}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !local(r) {
			// A page in somebody's browser may reach this host under a name of its own.
			http.Error(w, "this is answered under the name of the loopback interface only", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// local reports whether a request that came over TCP names this host.
func local(r *http.Request) bool {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if addr != nil && addr.Network() == "unix" {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return isLoopback(strings.Trim(host, "[]"))
}

func say(w http.ResponseWriter, good bool, yes, no string) {
	text := yes
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = no
	}
	_, _ = io.WriteString(w, text+"\n") // the client may be gone
}
