package gittest

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// PackServer speaks smart HTTP by itself and sends whatever it is told to, for
// repositories that no real upload-pack would serve. It takes every path for the
// repository.
type PackServer struct {
	Refs map[string]string // full name → id; HEAD is refs/heads/main
	Pack func() []byte     // the answer to every want
	Tail []byte            // follows Pack again and again, without end; nil for an end
}

// ServeHTTP implements http.Handler.
func (s *PackServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/info/refs"):
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		_, _ = w.Write(s.advertisement()) // the client may be gone
	case strings.HasSuffix(r.URL.Path, "/git-upload-pack"):
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		_, _ = w.Write([]byte("00000008NAK\n"))
		_ = send(w, s.Pack())
		for s.Tail != nil {
			if err := send(w, s.Tail); err != nil {
				return
			}
		}
		_, _ = w.Write([]byte("0000"))
	default:
		http.NotFound(w, r)
	}
}

// send writes data on the side band for packfiles.
func send(w io.Writer, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), 65515)
		if _, err := fmt.Fprintf(w, "%04x\x01%s", n+5, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func (s *PackServer) advertisement() []byte {
	out := []byte(pkt("# service=git-upload-pack\n") + "0000")
	caps := "\x00side-band-64k ofs-delta shallow no-progress agent=packsync-test symref=HEAD:refs/heads/main"
	names := slices.Sorted(maps.Keys(s.Refs))
	if head, ok := s.Refs["refs/heads/main"]; ok {
		out = append(out, pkt(head+" HEAD"+caps+"\n")...)
		caps = ""
	}
	for _, name := range names {
		out = append(out, pkt(s.Refs[name]+" "+name+caps+"\n")...)
		caps = ""
	}
	return append(out, "0000"...)
}

func pkt(line string) string { return fmt.Sprintf("%04x%s", len(line)+4, line) }
