//go:build !race

package gogit_test

// slowdown is what the race detector would cost.
const slowdown = 1
