package daemon

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/packsync/packsync/internal/plan"
)

// metrics are what /metrics counts. Labels have few values, all known beforehand:
// no pack, path or error is one.
type metrics struct {
	registry *prometheus.Registry

	passes   *prometheus.CounterVec // by outcome
	changes  *prometheus.CounterVec // by action
	success  prometheus.Gauge       // seconds since 1970
	duration prometheus.Gauge       // seconds
	inSync   prometheus.Gauge       // 1 or 0
	waiting  prometheus.Gauge       // packs
	drift    prometheus.Gauge       // packs
	pending  prometheus.Gauge       // packs
	newer    prometheus.Gauge       // packs
	followed prometheus.Gauge       // files
}

func newMetrics(version string) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "packsync_" + name, Help: help})
	}
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "packsync_" + name, Help: help}, []string{label})
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		passes:   counter("passes_total", "Passes since the start, by how they ended.", "outcome"),
		changes:  counter("changes_total", "Packs that were changed since the start, by action.", "action"),
		success:  gauge("last_success_timestamp_seconds", "When the host was last seen, or made, as declared and locked; 0 if it never was since the start."),
		duration: gauge("last_pass_duration_seconds", "How long the last pass took."),
		inSync:   gauge("in_sync", "Whether the last pass found or made the host as declared and locked."),
		waiting:  gauge("packs_different", "Packs that are not as declared and locked after the last pass."),
		drift:    gauge("packs_drifted", "Packs of which the disk is not as packsync left it."),
		pending:  gauge("registrations_pending", "Packs of which StackStorm has to be told something."),
		newer:    gauge("packs_newer", "Packs of which the sources offer something newer than the lock."),
		followed: gauge("files_followed", "Files that are watched."),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "packsync_build_info", Help: "The version of packsync; always 1.", ConstLabels: prometheus.Labels{"version": version}})
	info.Set(1)
	for _, o := range Outcomes() {
		m.passes.WithLabelValues(string(o))
	}
	for _, a := range plan.Actions() {
		if a != plan.NoOp {
			m.changes.WithLabelValues(string(a))
		}
	}
	m.registry.MustRegister(m.passes, m.changes, m.success, m.duration, m.inSync, m.waiting, m.drift, m.pending, m.newer, m.followed, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// pass counts one pass; s is what the board says after it.
func (m *metrics) pass(r result, s Status, took time.Duration) {
	m.passes.WithLabelValues(string(r.outcome)).Inc()
	m.duration.Set(took.Seconds())
	m.inSync.Set(0)
	if r.outcome == InSync || r.outcome == Applied {
		m.inSync.Set(1)
		m.success.SetToCurrentTime()
	}
	if r.report != nil {
		for _, p := range r.report.Packs {
			if p.Changed {
				m.changes.WithLabelValues(string(p.Action)).Inc()
			}
		}
	}
	drifted := map[string]bool{}
	for _, d := range s.Drift {
		drifted[string(d.Ref)] = true
	}
	m.waiting.Set(float64(len(s.Packs)))
	m.drift.Set(float64(len(drifted)))
	m.pending.Set(float64(len(s.Pending)))
}
