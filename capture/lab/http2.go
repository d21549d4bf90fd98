package lab

import (
	"crypto/tls"
	"io"
	"time"

	"golang.org/x/net/http2"
)

// takeOver has a function speak on a connection that agreed on h2, until the
// lab closes.
func (l *Lab) takeOver(host string, conn *tls.Conn, speak func(*tls.Conn)) {
	l.counts.add(host, "h2")
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-l.ctx.Done():
		case <-stop:
		}
		conn.Close()
	}()
	speak(conn)
}

// RefuseStreams answers every request with RST_STREAM of a code (RFC 9113,
// section 6.4).
func RefuseStreams(code http2.ErrCode) func(*tls.Conn) {
	return frames(func(fr *http2.Framer, stream uint32) error { return fr.WriteRSTStream(stream, code) })
}

// GoAway answers the first request with GOAWAY of a code that names no stream
// as done (RFC 9113, section 6.8) and ends the connection.
func GoAway(code http2.ErrCode, debug string) func(*tls.Conn) {
	return frames(func(fr *http2.Framer, _ uint32) error {
		if err := fr.WriteGoAway(0, code, []byte(debug)); err != nil {
			return err
		}
		return io.EOF
	})
}

// Slowly has a server wait before it speaks at all.
func Slowly(wait time.Duration, speak func(*tls.Conn)) func(*tls.Conn) {
	return func(conn *tls.Conn) {
		time.Sleep(wait)
		speak(conn)
	}
}

// frames speaks HTTP/2 as a server (RFC 9113, section 3.4) and calls answer for
// each request. An error of it ends the connection.
func frames(answer func(fr *http2.Framer, stream uint32) error) func(*tls.Conn) {
	return func(conn *tls.Conn) {
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		fr := http2.NewFramer(conn, conn)
		err := fr.WriteSettings()
		for err == nil {
			var frame http2.Frame
			if frame, err = fr.ReadFrame(); err == nil {
				err = react(fr, frame, answer)
			}
		}
	}
}

// react answers one frame of a client.
func react(fr *http2.Framer, frame http2.Frame, answer func(*http2.Framer, uint32) error) error {
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			return fr.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !frame.IsAck() {
			return fr.WritePing(true, frame.Data)
		}
	case *http2.HeadersFrame:
		return answer(fr, frame.StreamID)
	}
	return nil
}
