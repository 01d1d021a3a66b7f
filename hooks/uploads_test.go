package hooks_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// stall begins to send an upload that never ends, until the returned function is called.
func stall(t *testing.T, url, token string) (end func()) {
	t.Helper()
	r, w := io.Pipe()
	req, err := http.NewRequest("POST", url, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	req.Header.Set("Authorization", token)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}()
	if _, err := io.WriteString(w, "--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\r\naaa"); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = w.CloseWithError(io.ErrUnexpectedEOF) // it never fails
		<-done
	}
	t.Cleanup(end) // the server waits for it
	return end
}

// Sixty uploads that strangers began and did not end took 4 GB of memory.
func TestAStrangerUploadsNothingLarge(t *testing.T) {
	s := set.Start(t)
	file := upload{"photo", "a.png", make([]byte, 3<<20)}
	for _, url := range []string{path, collection, "/api/collections/users/records", "/api/auth/login"} {
		wantStatus(t, url, sendForm(t, s, "", url, map[string]string{"name": "a"}, file), http.StatusRequestEntityTooLarge)
		req, err := http.NewRequest("POST", s.URL+url, &unsized{strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\r\n" + strings.Repeat("a", 3<<20) + "\r\n--b--\r\n")})
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge && res.StatusCode != http.StatusUnauthorized { // the latter: without a look at it
			t.Errorf("%s in chunks: got %d", url, res.StatusCode)
		}
	}
}

func TestAnAccountUploadsAFewAtOnce(t *testing.T) {
	s := set.Start(t)
	token, file := s.Token(t, ada), upload{"photo", "a.bin", make([]byte, 3<<20)}
	send := func(token string) int {
		return sendForm(t, s, token, path, map[string]string{"name": "a"}, file).Status
	}
	var ends []func()
	for len(ends) < 4 || send(token) != http.StatusTooManyRequests {
		if len(ends) == 40 {
			t.Fatal("a fifth is never refused")
		}
		ends = append(ends, stall(t, s.URL+path, token)) // the fourth may come after the fifth, and be refused
	}
	if got := send(s.Token(t, bob)); got == http.StatusTooManyRequests {
		t.Error("somebody else's is refused, too")
	}
	small := upload{"photo", "a.png", picture(t, 1, 1)}
	if r := sendForm(t, s, token, path, map[string]string{"name": "a"}, small); r.Status == http.StatusTooManyRequests {
		t.Error("a small one is refused, too")
	}
	for _, end := range ends {
		end()
	}
	for end := time.Now().Add(20 * time.Second); send(token) == http.StatusTooManyRequests; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a fifth is never taken again")
		}
	}
}
