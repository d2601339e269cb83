package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/packsync/packsync/internal/diag"
)

// The HCL parser recurses, at about 12 KB of stack a level, and a stack that
// overflows ends the process: a declaration from a stranger could do that with
// 100 KB of brackets.
const (
	maxNesting = 1000
	// With no more than this many bytes that can nest, overflow is impossible, and
	// the tokens need not be looked at, which costs as much as parsing.
	harmlessBytes = 20_000
)

func tooDeep(name string) *diag.Diagnostic {
	return diag.Error(diag.Range{}, "Nested too deeply", fmt.Sprintf("%s has brackets, templates or operators that nest deeper than %d levels.", name, maxNesting))
}

// nestedTooDeeply finds the deepest nesting of brackets and templates, counting
// each operator of an unfinished expression as one more level.
func nestedTooDeeply(src []byte) bool {
	if len(src) <= harmlessBytes {
		return false
	}
	count := 0
	for _, c := range src {
		switch c {
		case '(', '[', '{', '!', '?', '-', '+', '*', '/', '%', '<', '>', '=', '&', '|':
			count++
		}
	}
	if count <= harmlessBytes {
		return false
	}
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	type level struct {
		opener    hclsyntax.TokenType
		operators int
	}
	levels, operators := []level{{}}, 0
	for _, t := range tokens {
		top := &levels[len(levels)-1]
		switch t.Type {
		case hclsyntax.TokenTemplateControl:
			// %{if} nests until %{endif}, which its brackets do not show.
			top.operators++
			operators++
			levels = append(levels, level{opener: t.Type})
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp:
			levels = append(levels, level{opener: t.Type})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			operators -= top.operators
			if len(levels) > 1 {
				levels = levels[:len(levels)-1]
			}
		case hclsyntax.TokenComma:
			operators -= top.operators
			top.operators = 0
		case hclsyntax.TokenNewline:
			if top.opener == 0 || top.opener == hclsyntax.TokenOBrace {
				operators -= top.operators
				top.operators = 0
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenNumberLit, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenComment, hclsyntax.TokenEqual:
		default:
			top.operators++
			operators++
		}
		if len(levels)+operators > maxNesting {
			return true
		}
	}
	return false
}
