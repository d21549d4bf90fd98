//go:build linux

package bpf

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// maxClosing is how many links are closed at once.
const maxClosing = 64

// release closes links without waiting until the kernel has detached them.
//
// The last close(2) of a link's descriptor detaches the program before it returns
// (bpf_link_put_direct, kernel/bpf/syscall.c), which takes RCU grace periods of
// some 20 ms for a uprobe and for a tracepoint. If a file system holds the link
// last, a worker of the kernel detaches it (bpf_link_put). So the links are moved
// into one that is mounted nowhere, and that is then let go. Where that is not
// possible they are closed side by side, and wait together.
func release(links []link.Link) error {
	if len(links) == 0 {
		return nil
	}
	if root, err := mount("bpf"); err == nil {
		defer unix.Close(root)
		for i, l := range links {
			_ = l.Pin(fmt.Sprintf("/proc/self/fd/%d/%d", root, i)) // else Close waits
		}
	}
	errs := make([]error, len(links))
	free := make(chan struct{}, maxClosing)
	var all sync.WaitGroup
	for i, l := range links {
		free <- struct{}{}
		all.Go(func() {
			errs[i] = l.Close()
			<-free
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
