package words

// Addition is a rule that the project's fault catalogue does not have.
type Addition struct {
	Rule string
	// Why says what the catalogue's rules would say of it instead.
	Why string
}

// Additions lists the rules beyond the catalogue.
func Additions(lang string) []Addition {
	switch lang {
	default:
		return englishAdditions()
	}
}

func englishAdditions() []Addition {
	return []Addition{
		{"proxy-not-a-proxy", "`proxy-403` and `proxy-5xx` would blame the policy or the upstream of something that is no proxy"},
		{"git-not-found", "`http-not-found` is a module proxy's answer; git's has other reasons and other commands to type"},
		{"url-not-found", "scripts fetch with curl what belongs to no module; `http-not-found` would speak of GOPRIVATE and versions"},
		{"tls-no-secret", "says what the trace itself could not open; it is information and never the verdict"},
	}
}
