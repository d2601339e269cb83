package pack

import (
	"fmt"
	"log/slog"
)

// Hidden is what every printed form of a Secret reads.
const Hidden = "(sensitive)"

// Secret carries a value that must not be printed. No way of formatting or
// encoding it reveals the value; only Reveal does, and only code that hands the
// value to its destination (a config file, an HTTP header) calls that.
// The zero Secret is "no secret".
//
// The value stands behind a pointer because one verb, %p, asks no Formatter and
// prints what the struct holds. Secrets therefore cannot be compared with ==.
type Secret struct {
	_     [0]func()
	value *any
}

// NewSecret wraps a value: a string, or any value of a pack config.
func NewSecret(value any) Secret { return Secret{value: &value} }

// Reveal returns the value itself; nil for the zero Secret.
func (s Secret) Reveal() any {
	if s.value == nil {
		return nil
	}
	return *s.value
}

// Text returns the value if it is a string, else "".
func (s Secret) Text() string {
	text, _ := s.Reveal().(string)
	return text
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.Reveal() == nil }

func (s Secret) String() string   { return Hidden }
func (s Secret) GoString() string { return Hidden }

// Format implements fmt.Formatter, so that no verb reaches the value.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Hidden)) }

// MarshalText implements encoding.TextMarshaler with the hidden form.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Hidden), nil }

// LogValue implements slog.LogValuer with the hidden form.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Hidden) }
