package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// startSoftly lets the heap grow to 16 MiB before the first garbage collection,
// instead of to Go's 4 MiB; from then on collections come as ever. A run that finds
// nothing to do mostly ends before the first, and saves an eighth of its processor
// time or more; one that fetches reaches its peak later, with the normal collector,
// and needs no more memory than before. Whoever sets GOGC has the word.
func startSoftly() {
	if os.Getenv("GOGC") != "" {
		return
	}
	const normal, soft = 100, 400 // per cent; the first collection comes at 4 MiB times soft/normal
	debug.SetGCPercent(soft)
	// The first collection finds that nobody holds this, and the clean-up runs.
	runtime.AddCleanup(new([64]byte), func(percent int) { debug.SetGCPercent(percent) }, normal)
}
