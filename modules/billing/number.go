package billing

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// nextNumber gives the next invoice number of the prefix: "INV-" and 7 make INV-000007.
// The counter moves in the transaction of the issue, so that a number is neither left out
// nor given twice.
func nextNumber(tx core.App, prefix string) (string, error) {
	if n := len(prefix); n > 0 && prefix[n-1] >= '0' && prefix[n-1] <= '9' {
		prefix += "-" // or number 1000001 of INV- would be number 1 of INV-1
	}
	var last int64
	err := tx.NonconcurrentDB().NewQuery(`INSERT INTO invoice_counters (id, prefix, last) VALUES ({:id}, {:prefix}, 1)
		ON CONFLICT (prefix) DO UPDATE SET last = last + 1 RETURNING last`).
		Bind(dbx.Params{"id": core.GenerateDefaultRandomId(), "prefix": prefix}).Row(&last)
	if err != nil {
		return "", fmt.Errorf("next invoice number: %w", err)
	}
	return fmt.Sprintf("%s%06d", prefix, last), nil
}
