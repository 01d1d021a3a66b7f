package kernel

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Query runs a statement that reads, with a "?" for each value, in app's transaction where it
// is one. It is for what every request asks: dbx looks through a statement for signs of its
// own each time, which takes as long as finding one row.
func Query(app core.App, statement string, values ...any) (*sql.Rows, error) {
	if pool, ok := app.ConcurrentDB().(*dbx.DB); ok && !app.IsTransactional() {
		return pool.DB().Query(statement, values...)
	}
	named := dbx.Params{}
	for i, v := range values {
		name := fmt.Sprint("value", i)
		statement, named[name] = strings.Replace(statement, "?", "{:"+name+"}", 1), v
	}
	rows, err := app.DB().NewQuery(statement).Bind(named).Rows()
	if err != nil {
		return nil, err
	}
	return rows.Rows, nil
}
