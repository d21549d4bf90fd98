package goproxy

import "github.com/gopx-trace/gopx-trace/agent/trace"

// failedSomehow is the reason where the trace has none.
const failedSomehow = "it failed"

// because says why the go command went on to the next entry after the attempt
// at list[i], or why it stopped there; empty after success. The rules are
// those of TryProxies in $GOROOT/src/cmd/go/internal/modfetch/proxy.go.
func because(list []Entry, i int, next bool, purpose, outcome, why string) string {
	e := list[i]
	notFound := outcome == NotFound
	if why == "" {
		why = failedSomehow
	}
	switch {
	case outcome == trace.OK || outcome == trace.Unknown:
		return ""
	case next && e.Separator == "|":
		return why + `: "|" goes on to the next entry after any error`
	case next && notFound:
		return why + ": go goes on to the next entry after 404 and 410"
	case next:
		return why
	case notFound && purpose == trace.PurposeSupported:
		return why + ": this entry does not relay the checksum database"
	case purpose == trace.PurposeLookup || purpose == trace.PurposeTile:
		if outcome == trace.Hung {
			return why + ": go has no time limit for this"
		}
		return why + ": go asks for checksums at one place only"
	case outcome == trace.Hung:
		return why + ": go has no time limit for this and never goes on"
	case e.URL == Direct:
		return why + `: nothing comes after "direct"`
	case i == len(list)-1:
		return why + ": this is the last entry of the list"
	case e.passes(notFound):
		// Another candidate of the query was found, or the command ended first.
		return why + ": the next entry was not asked"
	}
	return why + `: after "," go goes on only after 404 and 410, so it stopped here`
}
