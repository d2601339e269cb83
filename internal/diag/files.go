package diag

import (
	"bytes"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

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

// LineRange is a whole line of a file that is not HCL, counted from 1. A line
// beyond the last one is shown as the last one.
func LineRange(name string, src []byte, line int) Range {
	start := 0
	for range line - 1 {
		next := bytes.IndexByte(src[start:], '\n')
		if next < 0 || start+next+1 == len(src) {
			break
		}
		start += next + 1
	}
	text, _, _ := bytes.Cut(src[start:], []byte("\n"))
	return Range{
		Filename: name, Start: Pos{Line: line, Column: 1, Byte: start},
		End: Pos{Line: line, Column: 1 + utf8.RuneCount(text), Byte: start + len(text)},
	}
}
