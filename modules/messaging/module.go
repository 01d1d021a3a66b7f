// Package messaging carries messages between the clinic's people.
package messaging

import (
	"net/http"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Module declares messages and the conversations they belong to.
func Module() kernel.Module {
	return kernel.Module{
		Name: "messaging", Doc: "Messages between the clinic's people.",
		Requires:   []string{"auth", "staff", "patients", "appointments"},
		Migrations: migrations,
		Access:     access,
		Resources:  resources,
		Hooks: []kernel.Hook{
			kernel.OnRequest(kernel.Create, "messages", "the caller is the sender and may write to the receiver", checkCaller),
			kernel.Before(kernel.Create, "messages", "a message has two people, a text and a place in their conversation", address),
		},
		Routes:   []kernel.Route{inboxRoute, readRoute},
		Errors:   []*kernel.Error{errFixed, errPair},
		Provides: personal,
		Cast:     cast,
		Demo:     demo,
	}
}

var (
	errUnknown  = kernel.Fail(http.StatusBadRequest, "unknown_person", "There is no such person with an account in use.")
	errSelf     = kernel.Fail(http.StatusBadRequest, "own_self", "Sender and receiver are the same person.")
	errTooLong  = kernel.Fail(http.StatusBadRequest, "validation_max_text_constraint", "Must be no more than 5000 characters.")
	errStranger = kernel.Fail(http.StatusForbidden, "not_allowed", "You may write to the doctors who treat you, to nurses and staff, and to whoever wrote to you.")
	errSender   = kernel.Fail(http.StatusForbidden, "not_allowed", "You may only write in your own name.")
	errFixed    = kernel.Fail(http.StatusConflict, "message_fixed", "A message is neither changed nor taken back.")
	errPair     = kernel.Fail(http.StatusConflict, "conversation_fixed", "A conversation stays that of its two people.")
)

// A conversation is its two people's alone: admins do not read along.
var (
	side        = kernel.Rule{Name: "sender or receiver", Filter: "senderId = @request.auth.id || receiverId = @request.auth.id"}
	participant = kernel.Rule{Name: "participant", Filter: "firstId = @request.auth.id || secondId = @request.auth.id"}
)

var access = []kernel.Access{
	{
		Collection: "conversations", Doc: "Pairs of people who write to each other.",
		List: kernel.SignedInWhen(participant), View: kernel.SignedInWhen(participant),
		ServerSet: []string{"firstId", "secondId", "lastMessageAt"},
		Queryable: []string{"firstId", "secondId", "lastMessageAt"},
	},
	{
		Collection: "messages", Doc: "Messages between two people; nobody else sees them.",
		List: kernel.SignedInWhen(side), View: kernel.SignedInWhen(side),
		// PocketBase looks at the rule ahead of our hooks, when the ids may still be those of
		// profiles: checkCaller decides who writes to whom.
		Create:    kernel.SignedIn(),
		ServerSet: []string{"conversationId", "number", "readAt"},
		Queryable: []string{"conversationId", "senderId", "receiverId", "number", "readAt"},
	},
}

var resources = []kernel.Resource{
	{
		Path: "/api/messages", Collection: "messages", Noun: "message", Verbs: []kernel.Verb{kernel.Create},
		Errors: []*kernel.Error{errSender, errStranger, errUnknown, errSelf, errTooLong},
	},
	{
		Path: "/api/messages/conversation", Collection: "messages", Noun: "message of a conversation", Verbs: []kernel.Verb{kernel.List},
		ListBy: "conversationId", Sort: "-number", Search: []string{"messageText"},
	},
	{
		Path: "/api/messages/unread", Collection: "messages", Noun: "message that the caller has not read", Verbs: []kernel.Verb{kernel.List},
		Allow: kernel.SignedIn(), Rows: unreadOnly, Sort: "-created,-number", Search: []string{"messageText"},
	},
}
