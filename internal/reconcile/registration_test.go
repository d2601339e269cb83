package reconcile

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/st2/st2test"
	"github.com/packsync/packsync/internal/state"
)

// told is an apply that tells StackStorm of all there is to tell: an install, an
// update that drops an action and a sensor, a config, a move of nothing, and a
// removal.
var told = scenario{
	name: "everything that StackStorm is told of",
	build: func(h *host) {
		h.addStackStorm()
		for _, ref := range []string{"update", "config", "gone"} {
			h.source(ref, "1.0.0")
			h.write("sources/"+ref+"/config.schema.yaml", "level:\n  type: integer\n")
		}
		h.write("sources/update/actions/old.yaml", "name: old\nrunner_type: noop\n")
		h.write("sources/update/sensors/poll.yaml", "class_name: Poll\nentry_point: poll.py\n")
		h.write("sources/update/sensors/poll.py", "")
		h.declare(block("update"), block("config", "config = { level = 1 }"), block("gone"))
		h.mustApply()
		h.st2.remember()
		h.source("fresh", "1.0.0")
		h.source("update", "2.0.0")
		must(h.t, os.Remove(h.path("sources/update/actions/old.yaml")))
		must(h.t, os.RemoveAll(h.path("sources/update/sensors")))
		h.declare(block("update"), block("config", "config = { level = 2 }"), block("fresh"))
	},
	watch: []string{"root/packs/update", "root/packs/config", "root/packs/gone", "root/packs/fresh", "root/configs/config.yaml", "packs.lock.json"},
	lost:  []string{"actions update.old"},
}

// checkTold holds StackStorm to what was applied: registered means registered.
func (x *trial) checkTold(when string) {
	x.t.Helper()
	double := x.st2.double()
	known := slices.DeleteFunc(double.Refs("packs"), func(ref string) bool { return pack.Ref(ref).IsSystem() })
	if !slices.Equal(known, []string{"config", "fresh", "update"}) {
		x.t.Fatalf("%s: StackStorm knows the packs %q", when, known)
	}
	for _, ref := range []string{"config.run", "fresh.run", "update.run"} {
		if !slices.Contains(double.Refs("actions"), ref) {
			x.t.Fatalf("%s: StackStorm has no action %s", when, ref)
		}
	}
	if version, level := double.Version("update"), fmt.Sprint(double.Config("config")["level"]); version != "2.0.0" || level != "2" {
		x.t.Fatalf("%s: StackStorm has version %s of update, and level %s", when, version, level)
	}
	x.checkLost(when)
	if on, there := double.Enabled("update.Poll"); on || !there {
		x.t.Fatalf("%s: the sensor that went is there: %v, and on: %v", when, there, on)
	}
}

// TestRegistrationFailsAtEveryCall lets every call to StackStorm go wrong in every
// way, once and from then on. Apply never says success where StackStorm does not
// know; what it could not be told is pending, and one apply in peace tells it.
func TestRegistrationFailsAtEveryCall(t *testing.T) {
	x := newTrial(t, told)
	x.mustApply()
	x.checkTold("undisturbed")
	calls := len(x.st2.double().Calls())
	if calls < 6 {
		t.Fatalf("only %d calls", calls)
	}
	html := "<html>Sign in to the hotel network</html>"
	faults := map[string]st2test.Fault{
		"500":                   {Status: http.StatusInternalServerError, Body: `{"faultstring": "Internal Server Error"}`},
		"401":                   {Status: http.StatusUnauthorized, Body: `{"faultstring": "Unauthorized"}`},
		"400":                   {Status: http.StatusBadRequest, Body: st2test.Outage},
		"502 from a proxy":      {Status: http.StatusBadGateway, Body: html},
		"200 from a portal":     {Status: http.StatusOK, Body: html},
		"200 that says nothing": {Status: http.StatusOK, Body: "{}"},
		"cut before":            {Cut: true},
		"cut after":             {Cut: true, After: true},
	}
	failed := 0
	for name, fault := range faults {
		for k := range calls {
			for _, fault.Times = range []int{1, 0} {
				when := fmt.Sprintf("%s at call %d of %d, %d times", name, k+1, calls, fault.Times)
				fault.Skip = k
				x.restore(x.saved)
				x.st2.double().Inject(fault)
				_, err := x.apply(nil)
				if err == nil {
					x.checkDone(when)
					x.checkTold(when)
				} else {
					x.checkPending(when, err)
					failed++
				}
				x.st2.heal()
				x.checkConverges(when)
				x.checkTold(when)
				figures.faults.Add(1)
			}
		}
	}
	if failed < len(faults)*calls/2 {
		t.Errorf("only %d of the faults had an effect", failed)
	}
}

// checkPending wants a failed call to be told of as such and recorded.
func (x *trial) checkPending(when string, err error) {
	x.t.Helper()
	var partial *PartialError
	if !errors.As(err, &partial) {
		x.t.Fatalf("%s: %v, want a *PartialError", when, err)
	}
	record, err := state.Open(x.path("root/.packsync"), safefs.OS()).Read()
	must(x.t, err)
	pending := 0
	for _, p := range record.Packs {
		if len(p.Registered.Pending) > 0 {
			pending++
		}
	}
	if pending == 0 {
		x.t.Fatalf("%s: it failed, and nothing is recorded as pending", when)
	}
	for _, name := range []string{"root/packs/update", "root/packs/fresh", "root/configs/config.yaml"} {
		if x.picture(name) != x.after[name] {
			x.t.Fatalf("%s: %s is not in place: files do not wait for StackStorm", when, name)
		}
	}
}

// TestStopAroundEveryRegistration stops an apply right after each call to
// StackStorm, before the run can write down that it was made.
func TestStopAroundEveryRegistration(t *testing.T) {
	x := newTrial(t, told)
	x.mustApply()
	calls := len(x.st2.double().Calls())
	for k := range calls {
		when := fmt.Sprintf("stopped after call %d of %d", k+1, calls)
		x.restore(x.saved)
		var dead atomic.Bool
		x.st2.double().Inject(st2test.Fault{Skip: k, Meanwhile: func() { dead.Store(true) }, Cut: true, After: true})
		disk := x.disk(func(safefs.Step) error {
			if dead.Load() {
				return errStopped
			}
			return nil
		})
		if _, err := x.apply(disk); err == nil {
			t.Fatalf("%s: it says success", when)
		}
		x.st2.heal()
		x.checkVisible(when)
		x.checkConverges(when)
		x.checkTold(when)
	}
}
