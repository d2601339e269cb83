package lazyregexp

import "testing"

func TestExpressionIsCompiledOnce(t *testing.T) {
	expr := New(`\A[a-z]+\z`)
	if !expr().MatchString("word") || expr().MatchString("two words") {
		t.Error("the expression does not match what it says")
	}
	if first, second := expr(), expr(); first != second {
		t.Error("the expression was compiled twice")
	}
}

func TestMistakeIsNoticedAtTheFirstUse(t *testing.T) {
	expr := New(`(`)
	defer func() {
		if recover() == nil {
			t.Error("a mistaken expression was used")
		}
	}()
	expr()
}
