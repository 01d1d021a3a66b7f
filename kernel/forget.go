package kernel

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// ForgetAnswers drops the kept answers to requests with an Idempotency-Key that contain
// the text: they are copies of records, and last a day.
func ForgetAnswers(tx core.App, text string) error {
	_, err := tx.NonconcurrentDB().NewQuery("DELETE FROM idempotency_keys WHERE instr(answer, {:text}) > 0").Bind(dbx.Params{"text": text}).Execute()
	return err
}
