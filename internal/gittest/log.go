package gittest

import (
	"io"
	"log"
)

// silentLog is for servers whose clients misbehave on purpose.
func silentLog() *log.Logger { return log.New(io.Discard, "", 0) }
