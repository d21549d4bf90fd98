//go:build linux

package live

import (
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The terminal sends Ctrl-C to all of its foreground process group, and a shell
// that kills a job does so too: the command has the signal already. kill(1) of our
// pid sends it to us alone, and the command must get it from us. os/signal does not
// tell the two apart, and siginfo would not either: a kill of the group looks like
// one of us. So a second process of our group stands by: what it got as well was
// sent to the group.

// witnessRole is what the witness is started with, beside [StubName].
const witnessRole = "witness"

const (
	// witnessGrace is how long after us the witness may get a signal. The kernel
	// sends it to both at once, but a busy machine may not run the witness at once.
	witnessGrace = 50 * time.Millisecond
	// witnessWait bounds the wait for the witness, which somebody may have stopped.
	witnessWait = 10 * witnessGrace
	// witnessStart bounds the wait for its start, which takes some 10 ms.
	witnessStart = 2 * time.Second
)

// witness is that process.
type witness struct {
	process      *os.Process
	ask, answers *os.File
}

// newWitness starts one; nil without a controlling terminal, where hardly anyone
// signals a group, or if it cannot be started: then every signal is one to us.
func newWitness(exe string) *witness {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	tty.Close()
	w, err := startWitness(exe)
	if err != nil {
		return nil
	}
	return w
}

// startWitness starts the process. When we die its questions end, and so does it.
func startWitness(exe string) (*witness, error) {
	askR, askW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer askR.Close()
	answerR, answerW, err := os.Pipe()
	if err != nil {
		askW.Close()
		return nil, err
	}
	defer answerW.Close()
	attr := &os.ProcAttr{Env: []string{}, Files: []*os.File{askR, answerW}}
	p, err := os.StartProcess(exe, []string{StubName, witnessRole}, attr)
	if err != nil {
		askW.Close()
		answerR.Close()
		return nil, err
	}
	return &witness{process: p, ask: askW, answers: answerR}, nil
}

// standsBy waits until the witness does: a signal before that would end it.
func (w *witness) standsBy() {
	if w == nil {
		return
	}
	if err := w.answers.SetReadDeadline(time.Now().Add(witnessStart)); err == nil {
		_, _ = io.ReadFull(w.answers, make([]byte, 1)) // without it every signal is one to us
	}
}

// saw reports whether a signal that we got was sent to our whole group.
func (w *witness) saw(s syscall.Signal) bool {
	if w == nil {
		return false
	}
	deadline := time.Now().Add(witnessWait)
	if err := w.answers.SetReadDeadline(deadline); err != nil {
		return false
	}
	if _, err := w.ask.Write([]byte{byte(s)}); err != nil {
		return false
	}
	// An answer that came too late is about an earlier signal: passed over.
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(w.answers, b); err != nil {
			return false
		}
		if syscall.Signal(b[0]&^witnessed) == s {
			return b[0]&witnessed != 0
		}
	}
}

// witnessed is set in the answer about a signal that the witness got.
const witnessed = 0x80

// stop ends the witness.
func (w *witness) stop() {
	if w == nil {
		return
	}
	_ = w.process.Kill() // it may have been killed by others
	_, _ = w.process.Wait()
	w.ask.Close()
	w.answers.Close()
}

// watched are the signals that a group may get, and that are passed on.
func watched() []syscall.Signal {
	return []syscall.Signal{
		syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
	}
}

// standBy is the witness's life: it says that it is there and is asked about one
// signal after the other, until whoever asks is gone.
func standBy(ask io.Reader, answer io.Writer) int {
	got := make(chan os.Signal, 64)
	for _, s := range watched() {
		signal.Notify(got, s)
	}
	seen := map[syscall.Signal]bool{}
	b := make([]byte, 1)
	if _, err := answer.Write(b); err != nil {
		return 0
	}
	for {
		if _, err := io.ReadFull(ask, b); err != nil {
			return 0
		}
		s := syscall.Signal(b[0])
		if await(got, seen, s); seen[s] {
			b[0] |= witnessed
		}
		delete(seen, s)
		if _, err := answer.Write(b); err != nil {
			return 0
		}
	}
}

// await notes the signals that came, and waits a moment for one of them.
func await(got <-chan os.Signal, seen map[syscall.Signal]bool, s syscall.Signal) {
	over := time.After(witnessGrace)
	for !seen[s] {
		select {
		case o := <-got:
			if o, ok := o.(syscall.Signal); ok {
				seen[o] = true
			}
		case <-over:
			return
		}
	}
}
