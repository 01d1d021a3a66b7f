package messaging_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

func TestDemo(t *testing.T) {
	s := (&kerneltest.Set{Modules: modules(), Full: true}).Start(t)
	for what, c := range map[string]struct {
		sql      string
		min, max int
	}{
		"conversations":                     {"SELECT COUNT(*) FROM conversations", 30, 100},
		"messages":                          {"SELECT COUNT(*) FROM messages", 60, 400},
		"unread messages":                   {"SELECT COUNT(*) FROM messages WHERE readAt = ''", 5, 100},
		"messages between patients":         {"SELECT COUNT(*) FROM messages m JOIN users a ON a.id = m.senderId JOIN users b ON b.id = m.receiverId WHERE a.role = 'patient' AND b.role = 'patient'", 0, 0},
		"messages from the future":          {"SELECT COUNT(*) FROM messages WHERE created > strftime('%Y-%m-%d %H:%M:%fZ', 'now')", 0, 0},
		"answers ahead of the question":     {"SELECT COUNT(*) FROM messages a JOIN messages b ON b.conversationId = a.conversationId AND b.number = a.number + 1 WHERE b.created < a.created", 0, 0},
		"conversations at another time":     {"SELECT COUNT(*) FROM conversations c WHERE lastMessageAt != (SELECT MAX(created) FROM messages m WHERE m.conversationId = c.id)", 0, 0},
		"messages read ahead of being sent": {"SELECT COUNT(*) FROM messages WHERE readAt != '' AND readAt < created", 0, 0},
	} {
		var n int
		if err := s.App.DB().NewQuery(c.sql).Row(&n); err != nil {
			t.Fatal(err)
		}
		if n < c.min || n > c.max {
			t.Errorf("%s: %d, want %d to %d", what, n, c.min, c.max)
		}
	}
}
