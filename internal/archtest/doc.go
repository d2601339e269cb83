// Package archtest holds the rules that keep the code readable as it grows, as
// tests over its source: which package may import which, who may use the heavy
// libraries and touch the process or the disk, how long a function may be, what
// must be documented, and why each module is there.
//
// It is not for behaviour: nothing here runs packsync. A rule that is in the way
// is changed here, in the commit that needs it, with the reason.
package archtest
