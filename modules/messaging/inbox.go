package messaging

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// unreadOnly is spelled out, not bound nor a filter, so that SQLite sees that the partial
// index fits.
func unreadOnly(q *dbx.SelectQuery, l kernel.Listing) {
	q.AndWhere(dbx.NewExp("messages.receiverId = {:reader} AND messages.readAt = ''", dbx.Params{"reader": l.Caller}))
}

// Conversation is one line of the inbox.
type Conversation struct {
	ConversationID string      `json:"conversationId"`
	With           Person      `json:"with" doc:"the other side"`
	LastMessage    LastMessage `json:"lastMessage"`
	Unread         int         `json:"unread" doc:"messages that the caller has not read"`
}

// Person is somebody with an account.
type Person struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Role      string `json:"role"`
	ProfileID string `json:"profileId" doc:"doctor, nurse, staff or patient; empty for an account without one"`
}

// LastMessage is the newest message of a conversation.
type LastMessage struct {
	ID          string `json:"id"`
	SenderID    string `json:"senderId"`
	ReceiverID  string `json:"receiverId"`
	MessageText string `json:"messageText"`
	Number      int    `json:"number"`
	ReadAt      string `json:"readAt"`
	Created     string `json:"created"`
}

var inboxRoute = kernel.Op(kernel.Route{
	Method: "GET", Path: "/api/messages/conversations", Allow: kernel.SignedIn(),
	Summary: "List the caller's conversations, the one with the newest message first",
}, inbox)

func inbox(c *kernel.Call, in kernel.Page) (kernel.Paged[Conversation], error) {
	me := dbx.Params{"me": c.Auth.Id}
	var total int
	if !in.SkipTotal {
		err := c.App.DB().NewQuery("SELECT (SELECT COUNT(*) FROM conversations WHERE firstId = {:me}) + (SELECT COUNT(*) FROM conversations WHERE secondId = {:me})").Bind(me).Row(&total)
		if err != nil {
			return kernel.Paged[Conversation]{}, err
		}
	}
	l := kernel.NewPaged[Conversation](in, total)
	me["limit"], me["offset"] = l.PerPage, l.Offset()
	rows, err := c.App.DB().NewQuery(fmt.Sprintf(inboxSQL, profileSQL(c.K))).Bind(me).Rows()
	if err != nil {
		return l, err
	}
	defer rows.Close()
	for rows.Next() {
		var v Conversation
		m := &v.LastMessage
		if err := rows.Rows.Scan(&v.ConversationID, &v.With.ID, &v.With.Name, &v.With.Role, &v.With.ProfileID, &v.Unread,
			&m.ID, &m.SenderID, &m.ReceiverID, &m.MessageText, &m.Number, &m.ReadAt, &m.Created); err != nil {
			return l, err
		}
		l.Items = append(l.Items, v)
		auditapi.Saw(c.RequestEvent, "messages/"+m.ID, kernel.AccountsCollection+"/"+m.SenderID, kernel.AccountsCollection+"/"+m.ReceiverID)
	}
	return l, rows.Err()
}

// inboxSQL reads one page of conversations; what is looked up for each is behind an index.
// %s is the expression of the other side's profile.
const inboxSQL = `
SELECT c.id, u.id, u.name, u.role, COALESCE(%s, ''),
  (SELECT COUNT(*) FROM messages n WHERE n.receiverId = {:me} AND n.readAt = '' AND n.conversationId = c.id),
  m.id, m.senderId, m.receiverId, m.messageText, m.number, m.readAt, m.created
FROM (
  SELECT id, secondId AS other, lastMessageAt FROM conversations WHERE firstId = {:me}
  UNION ALL
  SELECT id, firstId, lastMessageAt FROM conversations WHERE secondId = {:me}
  ORDER BY lastMessageAt DESC, id LIMIT {:limit} OFFSET {:offset}
) c
JOIN users u ON u.id = c.other
JOIN messages m ON m.conversationId = c.id AND m.number = (SELECT MAX(number) FROM messages l WHERE l.conversationId = c.id)
ORDER BY c.lastMessageAt DESC, c.id`

// profileSQL finds, for an account u, the row of the collection that its role's profiles are in.
func profileSQL(k *kernel.Kernel) string {
	var b strings.Builder
	b.WriteString("CASE u.role")
	for _, p := range kernel.All[authapi.Profile](k) {
		fmt.Fprintf(&b, " WHEN '%s' THEN (SELECT p.id FROM %s p WHERE p.userId = u.id LIMIT 1)", p.Role, p.Collection)
	}
	b.WriteString(" WHEN '' THEN '' ELSE '' END") // SQL wants at least one case
	return b.String()
}
