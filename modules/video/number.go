package video

import (
	"database/sql"
	"errors"
	"math/rand/v2"

	"github.com/pocketbase/pocketbase/core"
)

// NumberOf returns the number by which Agora knows an account, 1 to 2³²−1 and the same
// for ever. Agora's clients of one channel must all join by number, and 0 would admit
// anybody. The first call for an account makes the number; it must be in a transaction.
func NumberOf(tx core.App, accountID string) (uint32, error) {
	r, err := tx.FindFirstRecordByData("video_numbers", "accountId", accountID)
	if err == nil {
		return uint32(r.GetInt("number")), nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	c, err := tx.FindCachedCollectionByNameOrId("video_numbers")
	if err != nil {
		return 0, err
	}
	for {
		number := rand.Uint32()
		_, err := tx.FindFirstRecordByData(c, "number", number)
		if number == 0 || err == nil {
			continue // nobody's, or somebody else's
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return 0, err
		}
		r := core.NewRecord(c)
		r.Load(map[string]any{"accountId": accountID, "number": number})
		return number, tx.Save(r)
	}
}
