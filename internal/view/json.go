package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/packsync/packsync/internal/diag"
)

// FormatVersion is the version of every JSON document that packsync prints. It
// grows when a field changes its meaning or goes; new fields may come at any time.
const FormatVersion = 1

// Envelope is what every JSON document begins with, whatever happened.
type Envelope struct {
	FormatVersion int                   `json:"format_version"`
	Failed        bool                  `json:"failed"`
	Msg           string                `json:"msg"`
	Exit          int                   `json:"exit"`
	Diagnostics   []diag.JSONDiagnostic `json:"diagnostics"`
	Timings       *TimingsJSON          `json:"timings,omitempty"` // with --timings
}

// Document prints one JSON document: the envelope, then the fields of body, which
// is a struct or nil.
func Document(w io.Writer, head Envelope, body any) error {
	head.FormatVersion = FormatVersion
	if head.Diagnostics == nil {
		head.Diagnostics = []diag.JSONDiagnostic{}
	}
	first, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	if body != nil {
		second, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("print JSON: %w", err)
		}
		if len(second) > len("{}") {
			first = append(append(first[:len(first)-1], ','), second[1:]...)
		}
	}
	var out bytes.Buffer
	if err := json.Indent(&out, first, "", "  "); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	out.WriteByte('\n')
	_, err = w.Write(out.Bytes())
	return err
}
