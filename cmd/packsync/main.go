// Command packsync keeps StackStorm packs as they are declared: see
// https://github.com/packsync/packsync.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/packsync/packsync/internal/cli"
)

func main() {
	startSoftly()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal kills, which is safe at any time
	os.Exit(cli.Main(ctx, os.Args[1:], cli.OSStreams()))
}
