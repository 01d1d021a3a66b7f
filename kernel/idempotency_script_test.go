package kernel_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
)

// A clinic's script answers within the transaction. What cannot be committed, as on a disk that
// is full by then, must not have been promised.
func TestAScriptsAnswerWaitsForTheCommit(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t, func(app *tests.TestApp) {
		app.OnServe().BindFunc(func(se *core.ServeEvent) error {
			for _, ddl := range []string{"CREATE TABLE beds (n INTEGER PRIMARY KEY)", "CREATE TABLE stays (bed INTEGER REFERENCES beds DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO beds VALUES (1)"} {
				if _, err := se.App.NonconcurrentDB().NewQuery(ddl).Execute(); err != nil {
					return err
				}
			}
			se.Router.POST("/api/ward/stay/{bed}", func(e *core.RequestEvent) error {
				if _, err := e.App.NonconcurrentDB().NewQuery("INSERT INTO stays VALUES ({:bed})").Bind(map[string]any{"bed": e.Request.PathValue("bed")}).Execute(); err != nil {
					return err
				}
				if err := e.JSON(http.StatusOK, map[string]any{"stay": strings.Repeat("a", 10_000)}); err != nil || !e.Written() || e.Status() != http.StatusOK {
					t.Errorf("the script's answer: %v", err)
				}
				return e.Flush()
			})
			return se.Next()
		})
	})
	if r := s.As(t, alma, "POST", "/api/ward/stay/7", nil, key); r.Status < 400 || strings.Contains(r.Body, "aaa") {
		t.Errorf("a bed that is not there: %d %.100s", r.Status, r.Body)
	}
	one := s.As(t, alma, "POST", "/api/ward/stay/1", nil, key)
	two := s.As(t, alma, "POST", "/api/ward/stay/1", nil, key)
	if one.Status != http.StatusOK || one.Body != two.Body {
		t.Errorf("%d %.100s, again %d %.100s", one.Status, one.Body, two.Status, two.Body)
	}
	var n int
	if err := s.App.DB().NewQuery("SELECT count(*) FROM stays").Row(&n); err != nil || n != 1 {
		t.Errorf("%d stays, %v", n, err)
	}
}
