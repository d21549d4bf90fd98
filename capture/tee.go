package capture

// tee hands every event of a source to a sink on its way to the reader.
type tee struct {
	Source
	sink Sink
	// failed is called once, with the sink's first error; the sink gets no
	// more events after it, the reader still does.
	failed func(error)
	broken bool
}

// Tee returns a source that yields the events of src and writes each of them
// to sink first, but for ticks. The first error of the sink is handed to failed, after which
// the sink is left alone: a full disk must not end the run. Closing the result
// closes src only; the sink belongs to the caller.
func Tee(src Source, sink Sink, failed func(error)) Source {
	return &tee{Source: src, sink: sink, failed: failed}
}

// Next implements [Source].
func (t *tee) Next() (Event, error) {
	e, err := t.Source.Next()
	if err != nil || t.broken {
		return e, err
	}
	if _, ok := e.(*Tick); ok {
		return e, nil
	}
	if werr := t.sink.Write(e); werr != nil {
		t.broken = true
		t.failed(werr)
	}
	return e, nil
}
