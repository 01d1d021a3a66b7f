package appointments_test

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// Whoever sees a part of the diary must not have the whole of it read for a list.
func TestAListOfOnesOwnUsesAnIndex(t *testing.T) {
	for _, c := range []struct {
		name  string
		who   kerneltest.Account
		index string
	}{
		{"a patient's", ada, "idx_appointments_patient"},
		{"a doctor's", omar, "idx_appointments_doctor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := set.Start(t)
			token := s.Token(t, c.who)
			var mu sync.Mutex
			var queries []string
			db := s.App.ConcurrentDB().(*dbx.DB)
			db.QueryLogFunc = func(_ context.Context, _ time.Duration, query string, _ *sql.Rows, _ error) {
				mu.Lock()
				defer mu.Unlock()
				if strings.Contains(query, "FROM `appointments`") {
					queries = append(queries, query)
				}
			}
			s.Do(t, "GET", path, token, nil)
			db.QueryLogFunc = nil
			if len(queries) == 0 {
				t.Fatal("no query was seen")
			}
			for _, q := range queries {
				if got := plan(t, db, q); !strings.Contains(got, c.index) || strings.Contains(got+" ", "SCAN appointments ") {
					t.Errorf("%s\n%s", q, got)
				}
			}
		})
	}
}

func plan(t *testing.T, db *dbx.DB, query string) string {
	t.Helper()
	var steps []struct {
		Detail string `db:"detail"`
	}
	if err := db.NewQuery("EXPLAIN QUERY PLAN " + query).All(&steps); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range steps {
		all = append(all, s.Detail)
	}
	return strings.Join(all, "\n")
}
