//go:build linux

package bpf

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
)

// loader loads programs into a probe. What can be done side by side is: a command
// waits for it.
type loader struct {
	*Probe
	scope *scope
	// types are the kernel's, decoded once for all programs.
	types *btf.Cache
	spec  *ebpf.CollectionSpec
	// maps are those that all programs share.
	maps map[string]*ebpf.Map

	mu sync.Mutex // of what is added to the probe
}

// newLoader begins to decode the kernel's types, which takes longest: to refer to a
// task is enough to have nearly all of them decoded that the programs refer to.
func newLoader(s *scope) *loader {
	l := &loader{Probe: &Probe{executables: make(map[inode]executable)}, scope: s, types: btf.NewCache()}
	go func() {
		if kernel, err := l.types.Kernel(); err == nil { // else who needs them says so
			_, _ = kernel.AnyTypesByName("task_struct")
		}
	}()
	return l
}

// start loads and attaches all of spec, the uprobe to the executables ahead. It
// keeps all or nothing.
func (l *loader) start(spec *ebpf.CollectionSpec, ahead []string) (*Probe, error) {
	l.spec = spec
	err := l.all(ahead)
	for name, m := range l.maps {
		if err != nil || name != gopxMapRing && name != gopxMapLost {
			m.Close() // the programs keep it
		}
	}
	if err != nil {
		l.Close()
		return nil, classify(err)
	}
	slices.Sort(l.missing)
	return l.Probe, nil
}

// all loads and attaches everything.
func (l *loader) all(ahead []string) error {
	if err := l.makeMaps(); err != nil {
		return err
	}
	if err := l.loadKeylog(ahead); err != nil { // first: the kernel makes it wait longest
		return err
	}
	next := make(chan string, len(l.spec.Programs))
	for _, name := range l.order() {
		next <- name
	}
	close(next)
	steps := []func() error{l.mapRing}
	for range runtime.GOMAXPROCS(0) {
		steps = append(steps, func() error { return l.loadEach(next) })
	}
	return together(steps...)
}

// makeMaps creates the maps. The ring takes most of the time, for its memory.
func (l *loader) makeMaps() error {
	coll, err := ebpf.NewCollection(only(l.spec))
	if err != nil {
		return err
	}
	l.maps, l.lost = coll.Maps, coll.Maps[gopxMapLost]
	return nil
}

// mapRing maps the ring into our memory.
func (l *loader) mapRing() (err error) {
	l.ring, err = newRing(l.maps[gopxMapRing])
	return err
}

// loadKeylog loads the uprobe and begins to place it into executables.
func (l *loader) loadKeylog(ahead []string) (err error) {
	if l.keylog, err = l.load(gopxProgKeylog); err != nil {
		return err
	}
	// For the first place the kernel waits for an RCU grace period. Who needs it
	// waits for us in AttachTLS, and gets the error there.
	go func() {
		for _, path := range ahead {
			_ = l.AttachTLS(path)
		}
	}()
	return nil
}

// order returns the names of the programs that are attached from the beginning:
// first those that can be loaded while the kernel's types are being decoded, and
// of them the longest, which take the verifier most of the time.
func (l *loader) order() []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(l.spec.Programs)), func(name string) bool { return name == gopxProgKeylog })
	typed := func(p *ebpf.ProgramSpec) int {
		if p.Type == ebpf.Tracing {
			return 1
		}
		return 0
	}
	slices.SortFunc(names, func(a, b string) int {
		p, q := l.spec.Programs[a], l.spec.Programs[b]
		return cmp.Or(typed(p)-typed(q), len(q.Instructions)-len(p.Instructions))
	})
	return names
}

// loadEach loads and attaches the programs whose names come. It notes in l.missing
// which optional ones cannot be had.
func (l *loader) loadEach(names <-chan string) error {
	for name := range names {
		k, err := l.attached(name)
		sentence := optional()[name]
		if err != nil && sentence == "" {
			return err
		}
		l.mu.Lock()
		if err == nil {
			l.links = append(l.links, k)
		} else {
			l.missing = append(l.missing, sentence)
		}
		l.mu.Unlock()
	}
	return nil
}

// attached loads and attaches a program.
func (l *loader) attached(name string) (link.Link, error) {
	prog, err := l.load(name)
	if err != nil {
		return nil, err
	}
	defer prog.Close() // the link keeps it
	k, err := attach(l.spec.Programs[name], prog, l.scope)
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", name, err)
	}
	return k, nil
}

// load loads a program.
func (l *loader) load(name string) (*ebpf.Program, error) {
	coll, err := ebpf.NewCollectionWithOptions(only(l.spec, name), ebpf.CollectionOptions{MapReplacements: l.maps, Cache: l.types})
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	return coll.DetachProgram(name), nil
}

// only returns spec with some of its programs, or none. With one, the constants
// are left out: they are in a map by then.
func only(spec *ebpf.CollectionSpec, names ...string) *ebpf.CollectionSpec {
	s := *spec
	s.Programs = map[string]*ebpf.ProgramSpec{}
	for _, name := range names {
		s.Programs[name], s.Variables = spec.Programs[name], nil
	}
	return &s
}

// attach attaches a program to what its section names. Only links are used: the
// kernel removes them when their last descriptor is closed.
func attach(spec *ebpf.ProgramSpec, prog *ebpf.Program, s *scope) (link.Link, error) {
	switch spec.Type {
	case ebpf.Tracing:
		return link.AttachTracing(link.TracingOptions{Program: prog})
	case ebpf.TracePoint:
		return attachTracepoint(spec.AttachTo, prog)
	case ebpf.CGroupSKB, ebpf.CGroupSock, ebpf.CGroupSockAddr:
		return link.AttachRawLink(link.RawLinkOptions{
			Target:  int(s.dir.Fd()),
			Program: prog,
			Attach:  spec.AttachType,
		})
	}
	return nil, fmt.Errorf("a program of type %s: %w", spec.Type, errors.ErrUnsupported)
}

// together runs steps side by side and returns the error of the first that failed.
func together(steps ...func() error) error {
	errs := make([]error, len(steps))
	var all sync.WaitGroup
	for i, step := range steps {
		all.Go(func() { errs[i] = step() })
	}
	all.Wait()
	return cmp.Or(errs...)
}
