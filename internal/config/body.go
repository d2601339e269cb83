package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/packsync/packsync/internal/diag"
)

// check reports every name in a body that its type does not know, and what is
// missing. what names the body in messages: "a pack block".
func (t *blockType) check(body *hclsyntax.Body, what string) diag.List {
	var diags diag.List
	for _, attr := range sortedAttributes(body) {
		if d := t.checkArgument(attr, what); d != nil {
			diags = append(diags, d)
		}
	}
	for _, block := range body.Blocks {
		known, d := t.checkBlock(block, what)
		if d != nil {
			diags = append(diags, d)
		}
		if known != nil && block.Type != "locals" {
			diags = append(diags, known.check(block.Body, article(block.Type)+" block")...)
		}
	}
	for _, name := range t.required {
		if body.Attributes[name] == nil {
			diags = append(diags, diag.Error(body.MissingItemRange(), "Missing argument",
				fmt.Sprintf("%s needs the argument %q.", capital(what), name)))
		}
	}
	return diags
}

func (t *blockType) checkArgument(attr *hclsyntax.Attribute, what string) *diag.Diagnostic {
	switch {
	case slices.Contains(t.attrs, attr.Name):
		return nil
	case t.blocks[attr.Name] != nil:
		return diag.Error(attr.NameRange, "Unsupported argument",
			fmt.Sprintf("%q is a block, not an argument. Write it without the equals sign:\n\n    %s … }", attr.Name, t.blocks[attr.Name].example))
	}
	if why := t.never[attr.Name]; why != "" {
		return diag.Error(attr.NameRange, "Unsupported argument", why)
	}
	hint := didYouMean(attr.Name, slices.Concat(t.attrs, slices.Collect(maps.Keys(t.blocks))))
	return diag.Error(attr.NameRange, "Unsupported argument", fmt.Sprintf("%s has no argument %q.%s", capital(what), attr.Name, hint))
}

// checkBlock returns the block's own type if the block can be looked into.
func (t *blockType) checkBlock(block *hclsyntax.Block, what string) (*blockType, *diag.Diagnostic) {
	known := t.blocks[block.Type]
	switch {
	case known != nil:
		if len(block.Labels) == len(known.labels) {
			return known, nil
		}
		want := "takes no label"
		if len(known.labels) == 1 {
			want = "takes one label, its " + known.labels[0]
		}
		return known, diag.Error(block.DefRange(), "Wrong number of labels",
			fmt.Sprintf("%s block %s:\n\n    %s … }", capital(article(block.Type)), want, known.example))
	case slices.Contains(t.attrs, block.Type):
		return nil, diag.Error(block.TypeRange, "Unsupported block",
			fmt.Sprintf("%q is an argument, not a block. Write it with an equals sign:\n\n    %s = …", block.Type, block.Type))
	}
	if why := t.never[block.Type]; why != "" {
		return nil, diag.Error(block.TypeRange, "Unsupported block", why)
	}
	hint := didYouMean(block.Type, slices.Concat(slices.Collect(maps.Keys(t.blocks)), t.attrs))
	return nil, diag.Error(block.TypeRange, "Unsupported block", fmt.Sprintf("%s has no block %q.%s", capital(what), block.Type, hint))
}

// sortedAttributes returns the arguments in the order they are written.
func sortedAttributes(body *hclsyntax.Body) []*hclsyntax.Attribute {
	return slices.SortedFunc(maps.Values(body.Attributes), func(a, b *hclsyntax.Attribute) int {
		return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte
	})
}

// article returns the word with its indefinite article.
func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}

func capital(sentence string) string { return strings.ToUpper(sentence[:1]) + sentence[1:] }

// place is a range as a sentence says it: "packs.hcl line 3".
func place(at hcl.Range) string { return fmt.Sprintf("%s line %d", at.Filename, at.Start.Line) }
