package diagnose

import (
	"strconv"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// loopTries is how many connections in a row must take the same request and
// give it back for a loop: net/http asks again at once, without a limit and
// without a word, for as long as the peer says that it did nothing
// ($GOROOT/src/net/http/h2_bundle.go, shouldRetryRequest).
const loopTries = 5

// again is a request as it is repeated.
type again struct {
	pid         uint32
	method, url string
}

// h2GoAwayLoop: each new connection ends before the request is answered, so
// the client makes another one, for ever.
func h2GoAwayLoop(f *facts) []*trace.Finding {
	tries := map[again][]*trace.Request{}
	var order []again
	for _, r := range f.Trace.Requests {
		key := again{r.PID, r.Method, r.URL}
		switch {
		case r.Protocol != "HTTP/2.0" || f.Connection(r.Connection) == nil || f.Unseen(r):
		case r.Status != 0:
			delete(tries, key)
		default:
			if tries[key] == nil {
				order = append(order, key)
			}
			if n := len(tries[key]); n == 0 || tries[key][n-1].Connection != r.Connection {
				tries[key] = append(tries[key], r)
			}
		}
	}
	var list []*trace.Finding
	for _, key := range order {
		if n := len(tries[key]); n >= loopTries {
			list = append(list, f.loopFinding(tries[key]))
			delete(tries, key)
		}
	}
	return list
}

// loopFinding is about one request on many connections.
func (f *facts) loopFinding(tries []*trace.Request) *trace.Finding {
	first, last := tries[0], tries[len(tries)-1]
	code, _ := endedByPeer(first)
	if code == "" {
		code = first.Error
	}
	found := f.requestFinding(first, "code", code, "count", strconv.Itoa(len(tries)),
		"seconds", seconds(last.StartedAt.Sub(first.StartedAt)))
	for _, r := range []*trace.Request{first, tries[1], last} {
		e := answerEvidence(r)
		e.Text = r.Method + " " + plainURL(r.URL) + " on connection " + strconv.Itoa(r.Connection) + ": " + r.Error
		found.Evidence = append(found.Evidence, e)
	}
	found.Evidence = found.Evidence[1:]
	return found
}
