package pyyaml

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/lazyregexp"
)

// resolve says which kind PyYAML gives a plain scalar, by the implicit resolvers
// of yaml/resolver.py. They are what makes its YAML 1.1 differ from every Go
// library, so they are ours.
func resolve(text string) Kind {
	switch text {
	case "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE", "on", "On", "ON", "off", "Off", "OFF":
		return Bool
	case "", "~", "null", "Null", "NULL":
		return Null
	case "<<":
		return merge
	case "=":
		return value
	}
	switch first := text[0]; {
	case first != '-' && first != '+' && first != '.' && !isDigit(first):
		return String // most scalars
	case looksFloat(text):
		return Float
	case looksInt(text):
		return Int
	case looksTimestamp(text):
		return Timestamp
	}
	return String
}

// parseBool mirrors construct_yaml_bool.
func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "yes", "true", "on":
		return true, nil
	case "no", "false", "off":
		return false, nil
	}
	return false, fmt.Errorf("it is not a boolean")
}

// parseInt mirrors construct_yaml_int: an int64 where it fits, else a *big.Int.
func parseInt(text string) (any, error) {
	digits, negative := cutSign(strings.ReplaceAll(text, "_", ""))
	total := new(big.Int)
	ok := true
	switch {
	case digits == "0":
	case strings.HasPrefix(digits, "0b"):
		ok = setDigits(total, digits[2:], 2)
	case strings.HasPrefix(digits, "0x"):
		ok = setDigits(total, digits[2:], 16)
	case strings.HasPrefix(digits, "0"):
		ok = setDigits(total, digits, 8)
	default:
		for part := range strings.SplitSeq(digits, ":") {
			var place big.Int
			ok = ok && setDigits(&place, part, 10)
			total.Add(total.Mul(total, big.NewInt(60)), &place)
		}
	}
	if !ok {
		return nil, fmt.Errorf("it is not an integer")
	}
	if negative {
		total.Neg(total)
	}
	if total.IsInt64() {
		return total.Int64(), nil
	}
	return total, nil
}

// setDigits is big.Int.SetString without the forms that Python's int() refuses.
func setDigits(n *big.Int, text string, base int) bool {
	if text == "" || text[0] == '-' || text[0] == '+' {
		return false
	}
	_, ok := n.SetString(text, base)
	return ok
}

// parseFloat mirrors construct_yaml_float.
func parseFloat(text string) (float64, error) {
	digits, negative := cutSign(strings.ToLower(strings.ReplaceAll(text, "_", "")))
	var total float64
	switch digits {
	case ".inf":
		total = math.Inf(1)
	case ".nan":
		return math.NaN(), nil
	default:
		// The places of a sexagesimal are added from the right, as PyYAML does:
		// the order decides the last bit.
		parts := strings.Split(digits, ":")
		base := 1.0
		for i := len(parts) - 1; i >= 0; i-- {
			place, err := strconv.ParseFloat(parts[i], 64)
			if err != nil && !math.IsInf(place, 0) || strings.Contains(parts[i], "x") {
				return 0, fmt.Errorf("it is not a number")
			}
			total += place * base
			base *= 60
		}
	}
	if negative {
		total = -total
	}
	return total, nil
}

func cutSign(text string) (digits string, negative bool) {
	if rest, found := strings.CutPrefix(text, "-"); found {
		return rest, true
	}
	return strings.TrimPrefix(text, "+"), false
}

// datePattern is timestamp_regexp of yaml/constructor.py: what a !!timestamp may
// look like, which is more than what a plain scalar is taken for.
var datePattern = lazyregexp.New(`^([0-9]{4})-([0-9][0-9]?)-([0-9][0-9]?)` +
	`(?:(?:[Tt]|[ \t]+)([0-9][0-9]?):([0-9]{2}):([0-9]{2})(?:\.[0-9]*)?` +
	`(?:[ \t]*(?:Z|[-+]([0-9][0-9]?)(?::([0-9]{2}))?))?)?$`)

// checkTimestamp refuses what Python's datetime refuses: a day that is not in
// the calendar, a time that is not on the clock.
func checkTimestamp(text string) error {
	match := datePattern().FindStringSubmatch(text)
	if match == nil {
		return fmt.Errorf("it is not a timestamp")
	}
	var n [9]int
	for i, digits := range match[1:] {
		n[i+1], _ = strconv.Atoi(digits) // digits or, for an absent part, "": zero
	}
	year, month, day, hour, minute, second, zone := n[1], n[2], n[3], n[4], n[5], n[6], n[7]*60+n[8]
	valid := year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
		time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() == day &&
		hour < 24 && minute < 60 && second < 60 && zone < 24*60
	if !valid {
		return fmt.Errorf("no calendar or clock has it (write it in quotes if it is text)")
	}
	return nil
}

// pythonFloat prints a float as Python's str() does: 17 significant digits at
// most, the shortest that read back, with exponent from 1e16 and below 1e-4.
func pythonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if magnitude := math.Abs(f); magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
