//go:build linux

package live

import (
	"fmt"
	"strings"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/live/upstream"
)

// watchResolvers listens to those of the command's resolvers that run on this
// host, before the command asks them anything.
func (s *starting) watchResolvers(resolvers []string) {
	local := upstream.Local(resolvers)
	if len(local) == 0 {
		return
	}
	w, err := upstream.Open()
	if err != nil {
		s.run.unseen = append(s.run.unseen, fmt.Sprintf(
			"what the local resolver (%s) asks other servers: %v", strings.Join(local, ", "), err))
		return
	}
	s.run.stubs, s.run.upstream = local, w
}

// asked tells the listener what the command sends and gets.
func (r *Run) asked(s *bpf.Sample) {
	if r.upstream != nil && s.Kind == bpf.KindPacket {
		r.upstream.Asked(s.Packet.Data, r.time(s.Time))
	}
}

// overheard queues packets of local resolvers.
func (r *Run) overheard(packets []*capture.Packet) {
	for _, p := range packets {
		r.frames++
		p.Frame = r.frames
		r.queue = append(r.queue, p)
	}
}
