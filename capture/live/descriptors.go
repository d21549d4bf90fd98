//go:build linux

package live

import "golang.org/x/sys/unix"

// maxDescriptors is what we want for ourselves: each executable with crypto/tls
// takes one for its probe, for as long as the run lasts.
const maxDescriptors = 1 << 14

// fewDescriptors reports whether our limit is lower than that. The Go runtime has
// raised the soft limit to the hard one already (os/rlimit.go).
func fewDescriptors() bool {
	var l unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_NOFILE, &l) == nil && l.Cur < maxDescriptors
}

// raiseDescriptors raises our hard limit, as far as the system allows it. What is
// started before keeps the limit that we were started with.
func raiseDescriptors() {
	l := unix.Rlimit{Cur: maxDescriptors, Max: maxDescriptors}
	// Not permitted without CAP_SYS_RESOURCE: then the gate has to be thrifty.
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &l)
}
