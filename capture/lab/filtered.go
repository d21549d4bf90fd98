package lab

import (
	"net"
	"sync"
)

// filteredListener knows how many packets the filter of its connections dropped.
type filteredListener struct {
	net.Listener

	mu    sync.Mutex
	open  map[*filteredConn]struct{}
	ended int // drops of connections that are closed
}

// filteredConn tells its listener that it closes.
type filteredConn struct {
	net.Conn
	from *filteredListener
}

// Accept implements [net.Listener].
func (l *filteredListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &filteredConn{conn, l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[*filteredConn]struct{})
	}
	l.open[c] = struct{}{}
	return c, nil
}

// Close implements [net.Conn].
func (c *filteredConn) Close() error {
	c.from.mu.Lock()
	if _, ok := c.from.open[c]; ok {
		delete(c.from.open, c)
		c.from.ended += c.drops()
	}
	c.from.mu.Unlock()
	return c.Conn.Close()
}

// drops is how many packets the kernel dropped at the connection.
func (c *filteredConn) drops() (n int) {
	onSocket(c.Conn, func(fd int) error {
		n = dropsOf(uintptr(fd))
		return nil
	})
	return n
}

// drops is how many packets were dropped at all connections so far.
func (l *filteredListener) drops() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.ended
	for c := range l.open {
		n += c.drops()
	}
	return n
}
