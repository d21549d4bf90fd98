package goproxy

// byID holds a value for each of n ids. Those of a whole trace count from 1 and
// need no map; a trace that was cut out of another may have any.
type byID[T any] struct {
	dense []T
	rest  map[int]T
}

func newByID[T any](n int) byID[T] { return byID[T]{dense: make([]T, n)} }

func (b *byID[T]) set(id int, v T) {
	if 0 < id && id <= len(b.dense) {
		b.dense[id-1] = v
		return
	}
	if b.rest == nil {
		b.rest = map[int]T{}
	}
	b.rest[id] = v
}

// get returns the zero value for an id that was not set.
func (b *byID[T]) get(id int) T {
	if 0 < id && id <= len(b.dense) {
		return b.dense[id-1]
	}
	return b.rest[id]
}
