package virtualenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// keyInput is what makes two virtualenvs interchangeable. A field that is added
// needs another prefix of the key, or all virtualenvs are built again in silence.
//
// Of Python's version the first two numbers count: they name the ABI and the
// directories, and a security fix of the distribution must not rebuild
// everything. Index, proxy and user are how to get the packages, not which.
type keyInput struct {
	Final            string            `json:"final"` // its scripts hold it
	Python           string            `json:"python"`
	Version          string            `json:"version"`
	ST2Site          string            `json:"st2_site"`
	BaseRequirements []string          `json:"base_requirements"`
	Requirements     map[string][]byte `json:"requirements"`
	PipOptions       []string          `json:"pip_options"`
	OnlyBinary       bool              `json:"only_binary"`
}

// Key tells whether a virtualenv can stay: while the key is the one that was
// recorded when it was built, the same thing would be built again. It reads
// requirement files and the name of the interpreter, and runs nothing unless
// that name has no version in it.
func (b *Builder) Key(ctx context.Context, r Request) (string, error) {
	reqs, err := readRequirements(r.Pack)
	if err == nil {
		var key string
		if key, err = b.key(ctx, r, reqs); err == nil {
			return key, nil
		}
	}
	return "", fmt.Errorf("compute the key of the virtualenv of %s: %w", r.Ref, err)
}

func (b *Builder) key(ctx context.Context, r Request, reqs requirements) (string, error) {
	py, err := b.python()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(keyInput{
		Final:            r.Final,
		Python:           py.path,
		Version:          py.version,
		ST2Site:          b.opts.ST2Site,
		BaseRequirements: b.opts.BaseRequirements,
		Requirements:     reqs,
		PipOptions:       b.opts.PipOptions,
		OnlyBinary:       b.opts.OnlyBinary,
	})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return "v1:" + hex.EncodeToString(sum[:]), nil
}
