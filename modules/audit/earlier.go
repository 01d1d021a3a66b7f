package audit

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// keptWith selects what is kept with a patient and, where there is one, an account.
func keptWith(patientID, accountID string) dbx.Expression {
	whose := []any{patientID}
	if accountID != "" {
		whose = append(whose, accountID)
	}
	return dbx.And(dbx.In("patient", whose...), dbx.NewExp("diff IS NOT NULL"))
}

// earlier is auditapi.Recorder's.
func (t *trail) earlier(tx core.App, patientID, accountID string, fields []string) (texts []string, err error) {
	if !t.ready(tx) {
		return nil, nil
	}
	var kept []string
	if err := tx.DB().Select("diff").From("audit_writes").Where(keptWith(patientID, accountID)).Column(&kept); err != nil {
		return nil, fmt.Errorf("read the values of %s: %w", patientID, err)
	}
	seen := map[string]bool{}
	for _, raw := range kept {
		var d diff
		if err := json.Unmarshal([]byte(raw), &d); err != nil {
			return nil, fmt.Errorf("read the values of %s: %w", patientID, err)
		}
		for _, values := range []map[string]any{d.Before, d.After} {
			for _, name := range fields {
				text, _ := values[name].(string)
				if text = strings.TrimSpace(text); text != "" && !seen[text] {
					seen[text] = true
					texts = append(texts, text)
				}
			}
		}
	}
	return texts, nil
}
