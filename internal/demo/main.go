// Command demo shows packsync at work: it starts git servers and a StackStorm
// double on this machine, drives the binary that was built through an install, a
// run with nothing to do, a repair, an update and a removal, and checks each exit
// code and what is said. It cleans up after itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	binary := flag.String("packsync", "bin/packsync", "the `FILE` to drive")
	keep := flag.Bool("keep", false, "leave the folder with everything in it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	if err := run(ctx, *binary, *keep); err != nil {
		fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("\nThe demo took %.1f s.\n", time.Since(began).Seconds())
}

func run(ctx context.Context, binary string, keep bool) (err error) {
	binary, err = filepath.Abs(binary)
	if err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("find the binary: %w: run make build", err)
	}
	w, err := newWorld(binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close(keep)) }()
	for n, s := range story() {
		if err := w.tell(ctx, n+1, s); err != nil {
			return fmt.Errorf("step %d, %s: %w", n+1, s.title, err)
		}
	}
	return nil
}
