//go:build linux

package main

import (
	"fmt"
	"slices"
)

// figures are the same figure of several runs or pairs.
type figures []float64

// median is the middle one, or the mean of the two in the middle; 0 of none.
func (f figures) median() float64 {
	n := len(f)
	if n == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(f))
	return (s[(n-1)/2] + s[n/2]) / 2
}

// spread writes the median and the spread.
func (f figures) spread() string {
	return fmt.Sprintf("%.1f (%.1f-%.1f)", f.median(), slices.Min(f), slices.Max(f))
}

// seconds is spread with two digits.
func (f figures) seconds() string {
	return fmt.Sprintf("%.2f (%.2f-%.2f)", f.median(), slices.Min(f), slices.Max(f))
}

// ratio writes the median of ratios and their spread.
func (f figures) ratio() string {
	return fmt.Sprintf("%.3f (%.2f-%.2f)", f.median(), slices.Min(f), slices.Max(f))
}

// beyond is a ratio without what the null control shows too. A null control
// below 1 is no excess.
func beyond(ratio, null figures) float64 { return ratio.median() - max(0, null.median()-1) }
