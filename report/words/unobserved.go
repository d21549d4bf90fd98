package words

// Unseen is a fault of the project's catalogue that no rule finds.
type Unseen struct {
	Fault string
	// Why says what would have to be seen, and why it is not.
	Why string
}

// Unobserved lists the faults that no rule finds.
func Unobserved(lang string) []Unseen {
	switch lang {
	default:
		return englishUnobserved()
	}
}

func englishUnobserved() []Unseen {
	return []Unseen{}
}
