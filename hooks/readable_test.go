package hooks_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
)

// A clinic's own route may take what only it can read, such as HL7's text. Elsewhere it would
// be no body to PocketBase, and no value of it would count.
func TestAClinicsOwnRouteReadsItsOwnBodies(t *testing.T) {
	s := set.Start(t, func(app *tests.TestApp) {
		app.OnServe().BindFunc(func(se *core.ServeEvent) error {
			se.Router.POST("/api/ward/hl7", func(e *core.RequestEvent) error {
				raw, err := io.ReadAll(e.Request.Body)
				if err != nil {
					return err
				}
				return e.String(http.StatusOK, string(raw))
			})
			return se.Next()
		})
	})
	const message = "MSH|^~\\&|LAB\rPID|1"
	for _, c := range []struct {
		path, media, body string
		want              int
	}{
		{"/api/ward/hl7", "text/plain", message, http.StatusOK},
		{"/api/ward/hl7", "application/json", `{"a":1`, http.StatusBadRequest},
		{"/api/auth/login", "text/plain", message, http.StatusBadRequest},
		{"/api/collections/users/records", "text/plain", message, http.StatusBadRequest},
	} {
		r, err := http.Post(s.URL+c.path, c.media, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != c.want || (c.want == http.StatusOK && string(got) != c.body) {
			t.Errorf("%s as %s: %d %q, %v", c.path, c.media, r.StatusCode, got, err)
		}
	}
}
