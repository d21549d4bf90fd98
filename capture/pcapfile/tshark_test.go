package pcapfile

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// tool runs a program of Wireshark and returns the lines that it prints. It may
// say nothing on stderr, save about being root.
func tool(t *testing.T, name string, args ...string) []string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	for line := range strings.Lines(stderr.String()) {
		if !strings.HasPrefix(line, "Running as user") {
			t.Errorf("%s says: %s", name, line)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
}

// TestWiresharkAgrees compares number, time, lengths, direction, comment and
// interface of each packet of a recording with what tshark says of it, before
// and after Close.
func TestWiresharkAgrees(t *testing.T) {
	random := newRandomEvents(31)
	w, path := mustCreate(t, Options{Application: "gopx-trace test"})
	for range 1000 {
		mustWrite(t, w, random.next())
	}
	random.clock = random.clock.Add(2 * flushAfter)
	mustWrite(t, w, random.packet())
	compareWithTshark(t, path)
	mustClose(t, w)
	compareWithTshark(t, path)
	if info := strings.Join(tool(t, "capinfos", "-C", "-s", "-A", path), "\n"); !strings.Contains(info, "Capture application: gopx-trace test") {
		t.Errorf("capinfos does not name the program:\n%s", info)
	}
}

func compareWithTshark(t *testing.T, path string) {
	t.Helper()
	lines := tool(t, "tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=|",
		"-e", "frame.number", "-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len", "-e", "frame.packet_flags_direction", "-e", "frame.comment")
	for _, e := range mustRead(t, path) {
		p, ok := e.(*capture.Packet)
		if !ok {
			continue
		}
		if len(lines) == 0 {
			t.Fatalf("tshark has no frame %d", p.Frame)
		}
		direction, comment := "", ""
		if p.Direction != 0 {
			direction = fmt.Sprintf("0x%08x", p.Direction)
		}
		if p.PID != 0 {
			comment = fmt.Sprintf("%s[%d]", p.Comm, p.PID)
		}
		if p.Upstream {
			comment = upstreamComment
		}
		want := fmt.Sprintf("%d|%d.%09d|%d|%d|%s|%s", p.Frame, p.Time.Unix(), p.Time.Nanosecond(), len(p.Data), p.Length, direction, comment)
		// Names without a process id are random bytes, which tshark shows in its own way.
		if got := lines[0]; got != want && (comment != "" || !strings.HasPrefix(got, want)) {
			t.Fatalf("tshark: %q, we: %q", got, want)
		}
		lines = lines[1:]
	}
	if len(lines) != 0 {
		t.Errorf("tshark has %d frames more", len(lines))
	}
}

// TestAfterEditcap reads a recording that editcap has copied: packets, their
// processes and the secrets are still there.
func TestAfterEditcap(t *testing.T) {
	w, path := mustCreate(t, Options{})
	want := conversation(t)
	mustWrite(t, w, want...)
	mustClose(t, w)
	tool(t, "editcap", path, path+".copy")
	packets, secrets := 0, 0
	for _, e := range mustRead(t, path+".copy") {
		switch e := e.(type) {
		case *capture.Secret:
			secrets++
		case *capture.Packet:
			packets++
			if e.PID != 99 || e.Comm != "go" {
				t.Errorf("packet %+v, want that of process 99", e)
			}
		}
	}
	if secrets == 0 || packets+secrets < len(want) {
		t.Errorf("%d packets, %d secrets; want %d events", packets, secrets, len(want))
	}
}

// TestWiresharkDecrypts records HTTP over TLS, with the secrets where a live run
// has them: behind the first packets that need them. With the room for secrets
// used up and without.
func TestWiresharkDecrypts(t *testing.T) {
	for _, others := range []int{0, roomSize / 100} {
		t.Run(fmt.Sprintf("%d other secrets", others), func(t *testing.T) {
			w, path := mustCreate(t, Options{})
			random := newRandomEvents(41)
			for range others {
				mustWrite(t, w, random.secret())
			}
			mustWrite(t, w, conversation(t)...)
			if others == 0 {
				mustWrite(t, w, &capture.Lost{Time: time.Unix(1700000100, 0)}) // flushes
				wantDecrypted(t, path)
			} else if len(w.log.loose) == 0 {
				t.Error("the room is not used up: this test tests nothing")
			}
			mustClose(t, w)
			wantDecrypted(t, path)
		})
	}
}

func wantDecrypted(t *testing.T, path string) {
	t.Helper()
	lines := tool(t, "tshark", "-r", path, "-Y", "http", "-T", "fields", "-E", "separator=|", "-e", "http.request.uri", "-e", "http.response.code", "-e", "frame.comment")
	want := []string{"/example.com/m/@v/list||go[99]", "|404|go[99]"}
	if len(lines) != 2 || lines[0] != want[0] || !strings.HasSuffix(lines[1], want[1]) {
		t.Errorf("tshark: %q, want %q", lines, want)
	}
}

// conversation is one HTTPS request as events.
func conversation(t *testing.T) []capture.Event {
	t.Helper()
	tape := &tape{clock: time.Unix(1700000000, 0).UTC(), next: [2]uint32{1, 1}}
	tape.segment(0, 0x02, nil)
	tape.segment(1, 0x12, nil)
	a, b := net.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		c := tls.Server(&taped{b, tape, 1}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
		_, _ = bufio.NewReader(c).ReadString('\n')
		_, _ = io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	})
	c := tls.Client(&taped{a, tape, 0}, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: tape})
	if _, err := io.WriteString(c, "GET /example.com/m/@v/list HTTP/1.1\r\nHost: proxy.example\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	a.Close()
	wg.Wait()
	return tape.events
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tape notes what goes over a connection as packets, and the key log.
type tape struct {
	mu     sync.Mutex
	clock  time.Time
	next   [2]uint32 // sequence number of each side
	events []capture.Event
}

// Write takes a line of the key log.
func (t *tape) Write(line []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := capture.ParseSecret(line); ok {
		s.Time = t.clock
		t.events = append(t.events, &s)
	}
	return len(line), nil
}

// segment notes a TCP segment from that side: 0 the client, 1 the server.
func (t *tape) segment(from int, flags byte, data []byte) {
	ends := [2]net.IP{net.IPv4(192, 0, 2, 1).To4(), net.IPv4(192, 0, 2, 2).To4()}
	ports := [2]uint16{40000, 443}
	b := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0}
	b = append(append(b, ends[from]...), ends[1-from]...)
	b = binary.BigEndian.AppendUint16(b, ports[from])
	b = binary.BigEndian.AppendUint16(b, ports[1-from])
	b = binary.BigEndian.AppendUint32(b, t.next[from])
	b = binary.BigEndian.AppendUint32(b, t.next[1-from])
	b = append(b, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
	b = append(b, data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	t.next[from] += uint32(len(data)) + uint32(flags>>1&1)
	t.clock = t.clock.Add(time.Millisecond)
	t.events = append(t.events, &capture.Packet{Time: t.clock, Link: capture.LinkRaw, Data: b, Length: len(b), PID: 99, Comm: "go"})
}

// taped is one end of a connection whose writes are noted.
type taped struct {
	net.Conn
	tape *tape
	from int
}

func (c *taped) Write(b []byte) (int, error) {
	c.tape.mu.Lock()
	c.tape.segment(c.from, 0x18, b)
	c.tape.mu.Unlock()
	return c.Conn.Write(b)
}
