package messaging

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780000900_messages", Up: initMessages},
	{ID: "1795010002_pairs", Up: keepPairs},
}

func initMessages(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	conversations := core.NewBaseCollection("conversations")
	conversations.Fields.Add(
		&core.RelationField{Name: "firstId", CollectionId: users.Id, MaxSelect: 1, Required: true},
		&core.RelationField{Name: "secondId", CollectionId: users.Id, MaxSelect: 1, Required: true},
		&core.DateField{Name: "lastMessageAt"},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	conversations.AddIndex("idx_conversations_pair", true, "firstId, secondId", "")
	conversations.AddIndex("idx_conversations_first", false, "firstId, lastMessageAt", "")
	conversations.AddIndex("idx_conversations_second", false, "secondId, lastMessageAt", "")
	if err := tx.Save(conversations); err != nil {
		return err
	}
	messages := core.NewBaseCollection("messages")
	messages.Fields.Add(
		&core.RelationField{Name: "conversationId", CollectionId: conversations.Id, MaxSelect: 1, Required: true},
		&core.RelationField{Name: "senderId", CollectionId: users.Id, MaxSelect: 1, Required: true},
		&core.RelationField{Name: "receiverId", CollectionId: users.Id, MaxSelect: 1, Required: true},
		&core.TextField{Name: "messageText", Required: true, Max: 5000},
		&core.NumberField{Name: "number", OnlyInt: true, Required: true},
		&core.DateField{Name: "readAt"},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	messages.AddIndex("idx_messages_conversation", true, "conversationId, number", "")
	messages.AddIndex("idx_messages_sender", false, "senderId, created", "")
	messages.AddIndex("idx_messages_receiver", false, "receiverId, created", "")
	messages.AddIndex("idx_messages_unread", false, "receiverId, conversationId", "readAt = ''")
	if err := tx.Save(messages); err != nil {
		return err
	}
	for _, trigger := range []string{messageFixed, messageKept, conversationGoesOn} {
		if _, err := tx.NonconcurrentDB().NewQuery(trigger).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// What was said stays said, whatever path a write comes by; only the reading is noted, once.
const messageFixed = `CREATE TRIGGER messages_fixed BEFORE UPDATE ON messages
WHEN NEW.id IS NOT OLD.id OR NEW.conversationId IS NOT OLD.conversationId OR NEW.senderId IS NOT OLD.senderId
  OR NEW.receiverId IS NOT OLD.receiverId OR NEW.messageText IS NOT OLD.messageText OR NEW.number IS NOT OLD.number
  OR NEW.created IS NOT OLD.created OR (OLD.readAt != '' AND NEW.readAt IS NOT OLD.readAt)
BEGIN SELECT RAISE(ABORT, 'polyclinic:message_fixed:'); END`

const messageKept = `CREATE TRIGGER messages_kept BEFORE DELETE ON messages
BEGIN SELECT RAISE(ABORT, 'polyclinic:message_fixed:'); END`

const conversationGoesOn = `CREATE TRIGGER messages_last AFTER INSERT ON messages
BEGIN UPDATE conversations SET lastMessageAt = NEW.created WHERE id = NEW.conversationId AND lastMessageAt < NEW.created; END`

// keepPairs has a conversation stay its two people's: who is put into it would read all of it.
func keepPairs(tx core.App) error {
	for _, statement := range []string{
		`CREATE TRIGGER conversations_first BEFORE UPDATE OF firstId ON conversations WHEN NEW.firstId IS NOT OLD.firstId
BEGIN SELECT RAISE(ABORT, 'polyclinic:conversation_fixed:firstId'); END`,
		`CREATE TRIGGER conversations_second BEFORE UPDATE OF secondId ON conversations WHEN NEW.secondId IS NOT OLD.secondId
BEGIN SELECT RAISE(ABORT, 'polyclinic:conversation_fixed:secondId'); END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}
