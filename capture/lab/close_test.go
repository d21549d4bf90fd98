package lab

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asChild in the environment makes the test binary a process that starts a lab
// and a program in it, and waits to be killed.
const asChild = "GOPX_LAB_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		os.Exit(beChild())
	}
	os.Exit(m.Run())
}

// beChild prints the identity of the client's namespace, the pid of a program
// in it and the lab's directory.
func beChild() int {
	l, err := Start(Setup{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// Its answer says that no git of the lab's own writes any more.
	if err := l.Command(l.ctx, "git", "ls-remote", "https://git.test/lib.git").Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cmd := l.Command(l.ctx, "sleep", "1000")
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	id, err := l.client.id()
	if err != nil {
		return 1
	}
	fmt.Println(id, cmd.Process.Pid, l.root)
	select {}
}

// eventually waits for a condition that the kernel brings about by itself.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 5 s: %s", what)
		}
	}
}

func TestKilledProcessLeavesNoNamespace(t *testing.T) {
	needRoot(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asChild+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	cmd.Process.Kill()
	cmd.Wait()
	f := strings.Fields(line)
	if err != nil || len(f) != 3 {
		t.Fatalf("child said %q: %v", line, err)
	}
	defer os.RemoveAll(f[2])
	id, err := strconv.ParseUint(f[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "no process in the client's namespace", func() bool { return len(processesIn(id)) == 0 })
	eventually(t, "the program is gone", func() bool {
		text, err := os.ReadFile("/proc/" + f[1] + "/cmdline")
		return err != nil || !strings.HasPrefix(string(text), "sleep")
	})
}

// foreignThreads counts this process's threads in another namespace than its
// main thread.
func foreignThreads(t *testing.T, kind string) int {
	t.Helper()
	own, err := os.Readlink("/proc/self/ns/" + kind)
	if err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob("/proc/self/task/*/ns/" + kind)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && at != own {
			n++
		}
	}
	return n
}

func TestCloseLeavesNothing(t *testing.T) {
	mounts := mustRead(t, "/proc/self/mountinfo")
	before := runtime.NumGoroutine()
	hang, _ := FaultNamed("hang-no-response")
	setup := hang.Build()
	setup.Via = HTTPProxy // a tunnel is open too
	l := start(t, setup)
	dir, err := l.Dir()
	if err != nil {
		t.Fatal(err)
	}
	cmd := l.Command(t.Context(), "go", hang.Argv()[1:]...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a request hangs", func() bool { return l.Counts()["proxy.test: tunnel"] > 0 && l.Counts()["goproxy.test: request"] > 0 })
	if n := foreignThreads(t, "mnt"); n != 1 {
		t.Errorf("%d threads in another mount namespace, want the one that started go", n)
	}
	id, err := l.client.id()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("go get ended well")
	}
	if p := processesIn(id); len(p) != 0 {
		t.Errorf("processes left: %v", p)
	}
	if _, err := os.Stat(l.root); !os.IsNotExist(err) {
		t.Errorf("directory left: %v", err)
	}
	if now := mustRead(t, "/proc/self/mountinfo"); now != mounts {
		t.Errorf("mounts changed:\n%s", now)
	}
	for _, kind := range []string{"net", "mnt"} {
		eventually(t, "threads in another "+kind+" namespace have ended", func() bool { return foreignThreads(t, kind) == 0 })
	}
	eventually(t, "goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}

func TestFailedStartLeavesNothing(t *testing.T) {
	needRoot(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	// Fewer and fewer descriptors make it fail at one step before the other;
	// the descriptors of those steps are what Close needs to remove the files.
	const steps = 6
	failed := 0
	for few := uint64(64); failed < steps; few-- {
		if few == 0 {
			t.Fatal("it starts without any descriptor")
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: few, Max: limit.Max}); err != nil {
			t.Fatal(err)
		}
		l, err := Start(Setup{Family: DualStack})
		if err == nil {
			err = l.Close()
		} else {
			failed++
		}
		unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		if left, _ := filepath.Glob(tmp + "/*"); len(left) != 0 {
			t.Fatalf("with %d descriptors, %v leaves %v behind", few, err, left)
		}
	}
	eventually(t, "threads have ended", func() bool { return foreignThreads(t, "net") == 0 })
}

// mustRead reads a file as text.
func mustRead(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		l := start(b, Setup{})
		b.StopTimer()
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
