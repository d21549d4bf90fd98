//go:build linux

package live

// program is the file of an executable, as stat(2) names it.
type program struct{ dev, ino uint64 }

// programs knows which processes run an executable that has a TLS probe, to tell
// which of them nobody runs any more. The zero value is ready to use.
type programs struct {
	// runs has the processes that run one, users how many run each.
	runs  map[uint32]program
	users map[program]int
	// idle are those that were run, and are not.
	idle map[program]bool
	// full says that there were too many to know.
	full bool
}

const (
	// maxPrograms bounds the processes, and the executables, that are remembered.
	maxPrograms = 1 << 16
	// maxAsked is how many executables unused returns at once.
	maxAsked = 4
)

// exec takes in that a process runs p now, which has a probe or not.
func (r *programs) exec(pid uint32, p program, probed bool) {
	r.exit(pid)
	if probed {
		r.begin(pid, p)
	}
}

// fork takes in a process that runs what its parent does.
func (r *programs) fork(parent, child uint32) {
	r.exit(child) // who had this number before
	if p, ok := r.runs[parent]; ok {
		r.begin(child, p)
	}
}

// begin notes that a process runs p.
func (r *programs) begin(pid uint32, p program) {
	switch {
	case r.full:
		return
	case len(r.runs) >= maxPrograms || len(r.idle) >= maxPrograms:
		*r = programs{full: true}
		return
	case r.runs == nil:
		r.runs, r.users, r.idle = map[uint32]program{}, map[program]int{}, map[program]bool{}
	}
	r.runs[pid] = p
	r.users[p]++
	delete(r.idle, p)
}

// exit takes in that a process ended.
func (r *programs) exit(pid uint32) {
	p, ok := r.runs[pid]
	if !ok {
		return
	}
	delete(r.runs, pid)
	if r.users[p]--; r.users[p] == 0 {
		delete(r.users, p)
		r.idle[p] = true
	}
}

// unused returns some of the executables that nobody runs: at each call others, as
// a map's order is.
func (r *programs) unused() []program {
	var list []program
	for p := range r.idle {
		if len(list) == maxAsked {
			break
		}
		list = append(list, p)
	}
	return list
}

// forget drops an executable that has no probe any more.
func (r *programs) forget(p program) { delete(r.idle, p) }
