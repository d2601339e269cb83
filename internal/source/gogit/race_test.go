//go:build race

package gogit_test

// slowdown is what the race detector costs.
const slowdown = 20
