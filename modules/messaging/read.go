package messaging

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// ReadResult says how many messages were marked.
type ReadResult struct {
	Read int `json:"read"`
}

var readRoute = kernel.Op(kernel.Route{
	Method: "POST", Path: "/api/messages/conversation/{id}/read",
	Record: "conversations", Allow: kernel.SignedInWhen(participant),
	Summary: "Mark what the caller received in a conversation as read",
}, func(c *kernel.Call, _ kernel.Nothing) (ReadResult, error) {
	n, err := MarkRead(c.App, c.Record.Id, c.Auth.Id)
	return ReadResult{n}, err
})

// liveReceipts is how many messages, the newest, are marked as records, so that screens
// hear of it. The rest of a long absence is marked in one statement: a save holds the
// database's one writer for a millisecond.
const liveReceipts = 100

// MarkRead marks every message of the conversation that the account received as read and
// returns how many there were.
func MarkRead(tx core.App, conversationID, accountID string) (int, error) {
	const waiting = "conversationId = {:conversation} AND receiverId = {:me} AND readAt = ''"
	bound := dbx.Params{"conversation": conversationID, "me": accountID}
	var newest []*core.Record
	if err := tx.RecordQuery("messages").Where(dbx.NewExp(waiting, bound)).OrderBy("number DESC").Limit(liveReceipts).All(&newest); err != nil {
		return 0, err
	}
	now := types.NowDateTime()
	for _, m := range newest {
		m.Set("readAt", now)
		if err := tx.Save(m); err != nil {
			return 0, err
		}
	}
	if len(newest) < liveReceipts {
		return len(newest), nil
	}
	older, err := tx.NonconcurrentDB().Update("messages", dbx.Params{"readAt": now.String(), "updated": now.String()}, dbx.NewExp(waiting, bound)).Execute()
	if err != nil {
		return 0, err
	}
	n, err := older.RowsAffected()
	return len(newest) + int(n), err
}
