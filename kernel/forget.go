package kernel

import (
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// ForgetAnswers drops the kept answers to requests with an Idempotency-Key that contain one of
// the texts, or the id of one of the records: they are copies of records, and last a day. One
// that did not say of which record it is was never kept, see keptAnswer; nor is one that is being
// given just now, see keep.
func ForgetAnswers(tx core.App, texts []string, ids map[string]bool) error {
	Of(tx).forgot.Add(1) // ahead of the commit: keep writes before this transaction, or sees it
	rows, err := tx.NonconcurrentDB().Select("id", "answer").From("idempotency_keys").Where(dbx.NewExp("answer != ''")).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	var gone []any
	for rows.Next() {
		var row struct {
			ID     string `db:"id"`
			Answer string `db:"answer"`
		}
		if err := rows.ScanStruct(&row); err != nil {
			return err
		}
		if speaksOf(row.Answer, texts, ids) {
			gone = append(gone, row.ID)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for len(gone) > 0 {
		n := min(len(gone), 500)
		if _, err := tx.NonconcurrentDB().Delete("idempotency_keys", dbx.In("id", gone[:n]...)).Execute(); err != nil {
			return err
		}
		gone = gone[n:]
	}
	return nil
}

func speaksOf(answer string, texts []string, ids map[string]bool) bool {
	for _, text := range texts {
		if strings.Contains(answer, text) {
			return true
		}
	}
	apart := func(r rune) bool {
		return !strings.ContainsRune(core.DefaultIdAlphabet, r) && r != '_' && r != '-' && (r < 'A' || r > 'Z')
	}
	for word := range strings.FieldsFuncSeq(answer, apart) {
		if ids[word] {
			return true
		}
	}
	return false
}
