package diag

import "github.com/hashicorp/hcl/v2"

// Files are the files that diagnostics point into, by name, for their snippets.
type Files = map[string]*hcl.File

// allHidden marks a file that holds nothing but values.
type allHidden struct{}

// HiddenFile returns a file of which a snippet never shows a value: a var file or
// a config_file.
func HiddenFile(src []byte) *hcl.File { return &hcl.File{Bytes: src, Nav: allHidden{}} }

func isAllHidden(f *hcl.File) bool {
	_, hidden := f.Nav.(allHidden)
	return hidden
}
