//go:build unix

package audit_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// BenchmarkCost reports what the trail costs: how long a request takes with it, as a ratio
// to the same request without it, and the processor time, for one client and for eight. The two servers take turns,
// so that whatever else the machine does meets both.
func BenchmarkCost(b *testing.B) {
	with, bare := set.Start(b), without.Start(b)
	one := "/api/patients/" + patientsapi.Ada
	for _, c := range []struct{ name, method, path, body string }{
		{"view", "GET", one, ""},
		{"list", "GET", "/api/patients", ""},
		{"write", "PUT", one, `{"notes":"%d"}`},
	} {
		for _, clients := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/%d", c.name, clients), func(b *testing.B) {
				var took, worked [2]time.Duration
				n := 0
				round := func(i int, s *kerneltest.Server) {
					token := s.Token(b, as(authapi.Grace))
					began, before := time.Now(), processor(b)
					var wg sync.WaitGroup
					for client := range clients {
						wg.Go(func() {
							for k := range 20 {
								body := c.body
								if body != "" {
									body = fmt.Sprintf(body, n*1000+client*100+k)
								}
								send(b, c.method, s.URL+c.path, token, body)
							}
						})
					}
					wg.Wait()
					took[i] += time.Since(began)
					worked[i] += processor(b) - before
				}
				for b.Loop() {
					n++
					round(0, bare)
					round(1, with)
				}
				b.ReportMetric(float64(took[1])/float64(took[0]), "with/without")
				b.ReportMetric(float64(worked[1])/float64(worked[0]), "with/without-processor")
				b.ReportMetric(float64(took[0].Microseconds())/float64(n*20*clients), "without-µs/request")
				b.ReportMetric(float64(took[1].Microseconds())/float64(n*20*clients), "with-µs/request")
			})
		}
	}
}

// processor is the processor time that the process has used; the client's is in it.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

func send(b *testing.B, method, url, token, body string) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	_, err = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		b.Errorf("%s %s: %s, %v", method, url, res.Status, err)
	}
}
