package config

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/packsync/packsync/internal/diag"
)

// Format returns a declaration in the canonical layout: two spaces, aligned equals
// signs, no trailing blanks. It changes nothing else, and formatting twice is the
// same as once. Of a file that does not parse it returns nil and the syntax errors.
func Format(src []byte, filename string) ([]byte, diag.List) {
	if len(src) > maxFileSize || nestedTooDeeply(src) {
		return nil, diag.List{tooDeep(filename)}
	}
	if _, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos); diags.HasErrors() {
		return nil, syntaxErrors(diags)
	}
	out := hclwrite.Format(src)
	// The library aligns comments in one pass and arguments in another, so that a
	// few layouts settle only in the second.
	for range 3 {
		again := hclwrite.Format(out)
		if bytes.Equal(again, out) {
			break
		}
		out = again
	}
	return out, nil
}
