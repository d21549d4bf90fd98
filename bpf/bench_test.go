//go:build linux

package bpf

import (
	"crypto/tls"
	"net"
	"os/exec"
	"testing"
)

// downloadBytes is what a child downloads over the loopback interface.
const downloadBytes = 500 << 20

// feeder sends downloadBytes to every connection to l.
func feeder(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			block := make([]byte, 256<<10)
			for sent := 0; sent < downloadBytes; sent += len(block) {
				if _, err := conn.Write(block); err != nil {
					return
				}
			}
		}()
	}
}

// BenchmarkDownload shows what reading every packet costs the one who is watched.
func BenchmarkDownload(b *testing.B) {
	for _, role := range []string{"fetch", "fetch-tls"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		address := l.Addr().String()
		if role == "fetch-tls" {
			l = tls.NewListener(l, serverConfig(b))
		}
		go feeder(l)
		b.Run(role+"/untraced", func(b *testing.B) {
			b.SetBytes(downloadBytes)
			for b.Loop() {
				if err := self(role, address).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(role+"/traced", func(b *testing.B) { benchmarkTraced(b, role, address) })
	}
}

func benchmarkTraced(b *testing.B, role, address string) {
	w := watch(b, Options{RingBytes: 64 << 20})
	if err := w.AttachTLS("/proc/self/exe"); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(downloadBytes)
	for b.Loop() {
		w.download(b, self(role, address))
	}
	b.StopTimer()
	packets, events, err := w.Lost()
	b.ReportMetric(float64(packets)/float64(b.N), "lost-packets/op")
	if events != 0 || err != nil {
		b.Errorf("lost %d events: %v", events, err)
	}
}

// download runs the child and reads all samples until it has ended.
func (w *watched) download(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	if err := w.into(cmd).Start(); err != nil {
		b.Fatal(err)
	}
	pid := uint32(cmd.Process.Pid)
	var s Sample
	bytes := 0
	for s.Kind != KindExit || s.PID != pid {
		if err := w.Read(&s, testWait); err == nil {
			bytes += len(s.Packet.Data)
		}
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	if packets, _, _ := w.Lost(); bytes < downloadBytes && packets == 0 {
		b.Errorf("%d of %d bytes seen, though nothing was lost", bytes, downloadBytes)
	}
}
