package live
import ("testing";"time";"os";"fmt";"path/filepath";"sort";"github.com/gopx-trace/gopx-trace/bpf";"github.com/gopx-trace/gopx-trace/capture")
type timed struct{ kernel; d []time.Duration; closeD time.Duration }
func (k *timed) AttachTLS(p string) error { s:=time.Now(); err:=k.kernel.AttachTLS(p); k.d=append(k.d,time.Since(s)); return err }
func (k *timed) Close() error { s:=time.Now(); err:=k.kernel.Close(); k.closeD=time.Since(s); return err }
func TestZZ(t *testing.T) {
	addr := mustServe(t)
	original, _ := os.ReadFile(mustBuild(t))
	dir := t.TempDir()
	sc := ""
	for i := range 50 {
		name := filepath.Join(dir, fmt.Sprintf("dial%d", i))
		os.WriteFile(name, append(original, byte(i)), 0o755)
		sc += fmt.Sprintf("%s %s &\n", name, addr)
	}
	var k *timed
	var load time.Duration
	s := time.Now()
	res := mustRun(t, Options{Argv: []string{"sh", "-c", sc+"wait\n"}}, func(o bpf.Options) (kernel, error) { s:=time.Now(); p, err := bpf.Load(o); load=time.Since(s); k = &timed{kernel: p}; return k, err })
	total := time.Since(s)
	sort.Slice(k.d, func(i, j int) bool { return k.d[i] < k.d[j] })
	c := only[*capture.Command](res.events)[0]
	x := only[*capture.Exit](res.events)[0]
	t.Log("load", load, "close", k.closeD, "total", total, "cmd", x.Time.Sub(c.Time), "n", len(k.d), "p50", k.d[len(k.d)/2], "p95", k.d[len(k.d)*95/100], "max", k.d[len(k.d)-1])
}
