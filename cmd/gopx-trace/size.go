package main

import (
	"fmt"
	"strconv"
	"strings"
)

// size is a number of bytes as a flag: 4096, 64k, 200MB, 1GiB.
type size int64

// String implements [pflag.Value].
func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Type implements [pflag.Value].
func (s *size) Type() string { return "SIZE" }

// Set implements [pflag.Value].
func (s *size) Set(v string) error {
	number := strings.TrimRight(v, "kKMGiBb")
	unit := strings.ToLower(strings.TrimRight(v[len(number):], "bB"))
	factor, ok := map[string]float64{"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}[unit]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || n <= 0 || n*factor > 1<<62 {
		return fmt.Errorf("%q is not a size like 200MB or 1GiB", v)
	}
	*s = size(n * factor)
	return nil
}
