package gogit_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/packsync/packsync/internal/credential"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// know makes a set of credentials.
func know(list ...credential.Credential) *credential.Set {
	return credential.New(credential.Options{Credentials: list})
}
