package words

// englishNotes is about what works and is worth a note.
func englishNotes() []Sentence {
	return []Sentence{
		{
			Rule: "dns-search-ndots", Title: "names are asked for with search domains first",
			Summary:   "{count} of {of} lookups were for names with a search domain after them, in vain, {host} the first of them",
			Because:   "names with fewer dots than ndots in /etc/resolv.conf are tried with each search domain before they are asked for as they are; containers are often set up with ndots:5",
			Fix:       []string{"grep -E 'search|ndots' /etc/resolv.conf", "set ndots to 1 (dnsConfig of a pod, --dns-opt of docker run)"},
			Meaning:   "Lookups take several questions in place of one; that is slow where the resolver is.",
			Proof:     "NXDOMAIN for a name with a suffix, and an answer for the name without it.",
			LookAlike: "dns-nxdomain: the name itself does not exist.",
		},
		{
			Rule: "proxy-stale-latest", Title: "the list of versions is old",
			Summary:   "what {host} says about the versions of {module} comes out of a cache, {age} old",
			Because:   "a cache before or in the module proxy keeps lists; a version that was tagged since is not in it",
			Fix:       []string{"curl -sI {url} | grep -iE 'age|cache'", "GOPROXY=direct go list -m -versions {path}   # what the repository has", "ask for the version by its name: module proxies fetch one that they do not know"},
			Meaning:   "The latest version may be a later one.",
			Proof:     "The Age header of the list, and a command that asks for the latest version.",
			LookAlike: "unknown-revision: the version was named.",
		},
	}
}
