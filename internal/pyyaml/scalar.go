package pyyaml

import "strings"

// The resolvers for what begins with a digit, a sign or a point, written out:
// as regular expressions they took a fourteenth of what installing a pack takes.
// The expressions of yaml/resolver.py stand in scalar_test.go, which holds these
// functions to them.

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// skip returns s without the bytes of set that it begins with, and whether there
// was one at all.
func skip(s, set string) (rest string, found bool) {
	n := 0
	for n < len(s) && strings.IndexByte(set, s[n]) >= 0 {
		n++
	}
	return s[n:], n > 0
}

const (
	decimal = "0123456789"
	spaced  = decimal + "_" // as numbers are written in Python
	signs   = "+-"
	blanks  = " \t"
	octal   = "01234567_"
	binary  = "01_"
	hexa    = decimal + "abcdefABCDEF_"
	decades = "012345"
)

func cutOne(s, set string) (rest string, found bool) {
	if s != "" && strings.IndexByte(set, s[0]) >= 0 {
		return s[1:], true
	}
	return s, false
}

// looksFloat is the resolver of !!float.
func looksFloat(s string) bool {
	unsigned, signed := cutOne(s, signs)
	switch unsigned {
	case ".inf", ".Inf", ".INF":
		return true
	case ".nan", ".NaN", ".NAN":
		return !signed
	}
	if unsigned != "" && isDigit(unsigned[0]) {
		rest, _ := skip(unsigned, spaced)
		if rest, found := strings.CutPrefix(rest, "."); found {
			rest, _ = skip(rest, spaced)
			return rest == "" || isExponent(rest)
		}
		// [0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
		if rest, found := skipSexagesimal(rest); found {
			if rest, found := strings.CutPrefix(rest, "."); found {
				rest, _ = skip(rest, spaced)
				return rest == ""
			}
		}
		return false
	}
	if signed {
		return false
	}
	rest, found := strings.CutPrefix(s, ".")
	if !found || rest == "" || !isDigit(rest[0]) {
		return false
	}
	rest, _ = skip(rest, spaced)
	return rest == "" || isExponent(rest)
}

// isExponent matches [eE][-+][0-9]+.
func isExponent(s string) bool {
	s, found := cutOne(s, "eE")
	if !found {
		return false
	}
	if s, found = cutOne(s, signs); !found {
		return false
	}
	s, found = skip(s, decimal)
	return found && s == ""
}

// skipSexagesimal skips (?::[0-5]?[0-9])+. A place takes two digits where it
// can: what comes after one is never a digit.
func skipSexagesimal(s string) (rest string, found bool) {
	for {
		place, more := strings.CutPrefix(s, ":")
		if !more || place == "" || !isDigit(place[0]) {
			return s, found
		}
		if len(place) > 1 && strings.IndexByte(decades, place[0]) >= 0 && isDigit(place[1]) {
			place = place[1:]
		}
		s, found = place[1:], true
	}
}

// looksInt is the resolver of !!int.
func looksInt(s string) bool {
	s, _ = cutOne(s, signs)
	if s == "" || !isDigit(s[0]) {
		return false
	}
	if s[0] == '0' {
		set := octal
		switch rest := s[1:]; {
		case rest == "":
			return true
		case rest[0] == 'b':
			s, set = rest, binary
		case rest[0] == 'x':
			s, set = rest, hexa
		}
		rest, found := skip(s[1:], set)
		return found && rest == ""
	}
	rest, _ := skip(s, spaced)
	if rest != "" {
		rest, _ = skipSexagesimal(rest)
	}
	return rest == ""
}

// looksTimestamp is the resolver of !!timestamp.
func looksTimestamp(s string) bool {
	year, rest, found := takeDigits(s, 4, 4)
	month, rest, dash := takePlace(rest, '-', 1)
	day, rest, dash2 := takePlace(rest, '-', 1)
	if !found || !dash || !dash2 || year != 4 {
		return false
	}
	if rest == "" {
		return month == 2 && day == 2
	}
	if after, found := cutOne(rest, "Tt"); found {
		rest = after
	} else if rest, found = skip(rest, blanks); !found {
		return false
	}
	_, rest, found = takeDigits(rest, 1, 2)
	_, rest, minutes := takePlace(rest, ':', 2)
	_, rest, seconds := takePlace(rest, ':', 2)
	if !found || !minutes || !seconds {
		return false
	}
	if after, found := strings.CutPrefix(rest, "."); found {
		rest, _ = skip(after, decimal)
	}
	if rest == "" {
		return true
	}
	rest, _ = skip(rest, blanks)
	if rest == "Z" || rest == "" {
		return rest == "Z"
	}
	if rest, found = cutOne(rest, signs); !found {
		return false
	}
	if _, rest, found = takeDigits(rest, 1, 2); !found {
		return false
	}
	if rest == "" {
		return true
	}
	_, rest, found = takePlace(rest, ':', 2)
	return found && rest == ""
}

// takePlace takes a mark and least to two digits after it.
func takePlace(s string, mark byte, least int) (n int, rest string, found bool) {
	if s == "" || s[0] != mark {
		return 0, s, false
	}
	return takeDigits(s[1:], least, 2)
}

// takeDigits takes up to most digits, and finds nothing if there are fewer than
// least.
func takeDigits(s string, least, most int) (n int, rest string, found bool) {
	for n < most && n < len(s) && isDigit(s[n]) {
		n++
	}
	if n < least {
		return 0, s, false
	}
	return n, s[n:], true
}
