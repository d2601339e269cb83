// Package pyyaml reads and writes YAML the way StackStorm's Python does: PyYAML's
// SafeLoader, which speaks YAML 1.1 ("yes" is a boolean, 012 is ten, 1e3 is a
// string). What Marshal writes, PyYAML reads back as the same value; what
// Unmarshal returns is what PyYAML would have made of the bytes, with positions.
//
// It is not for keeping a person's comments or layout: packsync owns a config
// file as a whole or not at all. And it is not for judging values (package
// packconfig).
package pyyaml

import "fmt"

// Limits of one document. They keep a hostile pack from using up memory; no file
// of the Exchange comes near them.
const (
	MaxSize  = 1 << 20   // bytes
	MaxDepth = 100       // nested lists and mappings
	MaxNodes = 1_000_000 // values, with every alias counted as often as it is used
)

// SyntaxError is a document that PyYAML would refuse, or that exceeds a limit.
// Problem never quotes a value of the document: config files hold secrets.
type SyntaxError struct {
	Line, Column int // from 1; 0 if there is no position
	Problem      string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Problem
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// Warning is something PyYAML accepts in silence but a person should know: so
// far only a key that is written twice, where the last one wins.
type Warning struct {
	Line, Column int
	Message      string
}

// Document is one YAML document.
type Document struct {
	Root     *Node // never nil; Null for an empty document
	Warnings []Warning
}
