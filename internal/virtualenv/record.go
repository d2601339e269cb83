package virtualenv

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"path"
	"strconv"
)

// record rewrites a RECORD (the list of a package's files with their hashes, PEP
// 376): rows of files that were rewritten get their new hash and size, those of
// dropped bytecode go. Without such a row the bytes stay as they are. The paths
// count from site-packages, two levels above the file.
func (c *copier) record(at string, content []byte) ([]byte, error) {
	content = bytes.ReplaceAll(content, []byte(c.from), []byte(c.to))
	rows := csv.NewReader(bytes.NewReader(content))
	rows.FieldsPerRecord = -1
	all, err := rows.ReadAll()
	if err != nil {
		return nil, err
	}
	var kept [][]string
	changed := false
	for _, row := range all {
		file := path.Join(path.Dir(path.Dir(at)), row[0])
		if c.dropped[file] {
			changed = true
			continue
		}
		if sum, ok := c.rewritten[file]; ok && len(row) >= 3 && row[1] != "" {
			row[1] = "sha256=" + base64.RawURLEncoding.EncodeToString(sum.sha256[:])
			row[2] = strconv.Itoa(sum.size)
			changed = true
		}
		kept = append(kept, row)
	}
	if !changed {
		return content, nil
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	if err := w.WriteAll(kept); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}
