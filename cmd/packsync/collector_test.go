package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// percent is the target of the collector that is in force.
func percent() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestCollectorIsSoftUntilItsFirstRun(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	startSoftly() // no collection comes between: there is none at -1, and the heap is small
	if percent() != 400 {
		t.Errorf("it starts at %d %%", percent())
	}
	runtime.GC()
	for deadline := time.Now().Add(time.Minute); percent() != 100; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("the collector stays at %d %%", percent())
		}
	}
}

func TestCollectorIsWhatTheUserSays(t *testing.T) {
	t.Setenv("GOGC", "50")
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	startSoftly()
	runtime.GC()
	if percent() != 77 {
		t.Errorf("the collector went to %d %%", percent())
	}
}
