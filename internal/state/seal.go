package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/packsync/packsync/internal/pack"
)

// seal computes the checksum and returns the canonical text: one record, one
// text, so that no change of a byte goes unnoticed.
func (r *Record) seal() ([]byte, error) {
	if r.Packs == nil {
		r.Packs = map[pack.Ref]Pack{}
	}
	return sealed(r, &r.Checksum, "  ")
}

// sealed computes the checksum of v, which is the last of its keys, and returns
// the canonical text.
func sealed(v any, checksum *string, indent string) ([]byte, error) {
	*checksum = ""
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	sum := sha256.Sum256(b.Bytes())
	*checksum = "sha256:" + hex.EncodeToString(sum[:])
	return append(bytes.TrimSuffix(b.Bytes(), []byte(end)), *checksum+end...), nil
}

// unseal reads a record and accepts nothing but the text that seal wrote. The
// error is a *NewerError, or says what is wrong with the text.
func unseal(data []byte) (*Record, error) {
	var rec Record
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields() // dropping what a later packsync meant something by would damage its record
	err := decoder.Decode(&rec)
	version := rec.FormatVersion
	if err != nil {
		version = formatOf(data)
	}
	if version > FormatVersion {
		// A flipped bit makes a newer version too; the checksum tells.
		if err != nil || !isSealed(rec.Checksum, reversion(data, version)) {
			return nil, &NewerError{Version: version}
		}
		return nil, errors.New("its format version was altered")
	}
	switch {
	case err != nil && len(data) == 0:
		return nil, errors.New("it is empty")
	case err != nil:
		return nil, fmt.Errorf("it is not a record: %w", err)
	case rec.FormatVersion != FormatVersion:
		return nil, fmt.Errorf("it has the format version %d, which never was", rec.FormatVersion)
	case !isSealed(rec.Checksum, data):
		return nil, errors.New("its checksum does not fit its content")
	}
	return &rec, nil
}

// end is how every sealed text ends behind its checksum, the last of its keys.
const end = "\"\n}\n"

// isSealed reports whether the checksum in a text is that of the text with none:
// no byte of it is another than when it was sealed.
func isSealed(checksum string, data []byte) bool {
	body, last := bytes.CutSuffix(data, []byte(checksum+end))
	if !last || checksum == "" {
		return false
	}
	sum := sha256.New() // never fails
	sum.Write(body)
	sum.Write([]byte(end))
	return checksum == "sha256:"+hex.EncodeToString(sum.Sum(nil))
}

// formatOf returns the format version of a text that may be of any later
// format; 0 if it has none.
func formatOf(data []byte) int {
	var head struct {
		FormatVersion int `json:"format_version"`
	}
	if json.Unmarshal(data, &head) != nil {
		return 0
	}
	return head.FormatVersion
}

// reversion writes our format version in place of another.
func reversion(data []byte, version int) []byte {
	const key = `"format_version": `
	return bytes.Replace(data, fmt.Appendf(nil, "%s%d,", key, version), fmt.Appendf(nil, "%s%d,", key, FormatVersion), 1)
}
