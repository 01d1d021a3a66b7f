package messaging

import (
	"database/sql"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// maxText is the length of a message in characters, see API.md.
const maxText = 5000

// Send writes a message from one person to another, each named by the id of the account
// or of a profile. It returns the message, with its conversation.
func Send(tx core.App, senderID, receiverID, text string) (*core.Record, error) {
	c, err := tx.FindCollectionByNameOrId("messages")
	if err != nil {
		return nil, err
	}
	r := core.NewRecord(c)
	r.Load(map[string]any{"senderId": senderID, "receiverId": receiverID, "messageText": text})
	return r, tx.Save(r)
}

// address puts the accounts in place of profiles' ids, and the message into the pair's
// conversation. Every path of a new message passes here.
func address(tx core.App, r *core.Record) error {
	var bad kernel.Invalid
	sender, err := addressee(tx, r, "senderId", &bad)
	if err != nil {
		return err
	}
	receiver, err := addressee(tx, r, "receiverId", &bad)
	if err != nil {
		return err
	}
	if sender != "" && sender == receiver {
		bad = append(bad, errSelf.At("receiverId"))
	}
	switch text := r.GetString("messageText"); {
	case strings.TrimSpace(text) == "":
		bad = append(bad, kernel.Required("messageText"))
	case utf8.RuneCountInString(text) > maxText:
		bad = append(bad, errTooLong.At("messageText"))
	}
	if err := bad.OrNil(); err != nil {
		return err
	}
	r.Set("senderId", sender)
	r.Set("receiverId", receiver)
	conversation, err := conversationOf(tx, sender, receiver)
	if err != nil {
		return err
	}
	r.Set("conversationId", conversation)
	last := 0
	err = tx.DB().Select("COALESCE(MAX(number), 0)").From("messages").Where(dbx.HashExp{"conversationId": conversation}).Row(&last)
	r.Set("number", last+1)
	return err
}

// addressee returns the active account that a field names, or notes what is wrong with it.
func addressee(tx core.App, r *core.Record, field string, bad *kernel.Invalid) (string, error) {
	sent := r.GetString(field)
	if sent == "" {
		*bad = append(*bad, kernel.Required(field))
		return "", nil
	}
	id, err := authapi.AccountID(tx, sent)
	if err != nil {
		return "", err
	}
	if field == "receiverId" && r.GetRaw(hiddenReceiver) == true {
		id = "" // as of nobody, whatever else is wrong with the message
	}
	err = tx.DB().Select("id").From(kernel.AccountsCollection).Where(dbx.HashExp{"id": id, "status": authapi.Active}).Row(&id)
	if errors.Is(err, sql.ErrNoRows) {
		*bad = append(*bad, errUnknown.At(field))
		return "", nil
	}
	return id, err
}

// conversationOf returns the conversation of two accounts, in whichever order they are
// named, and begins it when they have none.
func conversationOf(tx core.App, a, b string) (string, error) {
	pair := dbx.HashExp{"firstId": min(a, b), "secondId": max(a, b)}
	var id string
	err := tx.DB().Select("id").From("conversations").Where(pair).Row(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	c, err := tx.FindCollectionByNameOrId("conversations")
	if err != nil {
		return "", err
	}
	r := core.NewRecord(c)
	r.Load(pair)
	err = tx.Save(r) // gives the id
	return r.Id, err
}
