package messaging_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// castConversation is Ada's and Grace's.
func castConversation(t *testing.T, s *kerneltest.Server) string {
	t.Helper()
	items := s.As(t, as(authapi.Ada), "GET", path+"/conversations", nil).Items(t)
	if len(items) != 1 {
		t.Fatalf("Ada has %d conversations, want 1", len(items))
	}
	return items[0]["conversationId"].(string)
}

func TestAConversationIsItsTwoPeoplesAlone(t *testing.T) {
	s := set.Start(t)
	url := path + "/conversation/" + castConversation(t, s)
	s.On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", Method: "GET", Path: url, Want: 401},
		{Name: "the patient reads", As: as(authapi.Ada), Method: "GET", Path: url, Want: 200, Has: []string{`"totalItems":2`}},
		{Name: "the doctor reads", As: as(authapi.Grace), Method: "GET", Path: url, Want: 200, Has: []string{`"totalItems":2`}},
		{Name: "another patient does not", As: as(authapi.Bob), Method: "GET", Path: url, Want: 404},
		{Name: "nor another doctor", As: as(authapi.Omar), Method: "GET", Path: url, Want: 404},
		{Name: "nor an admin", As: as(authapi.Alma), Method: "GET", Path: url, Want: 404},
		{Name: "nor in the collection", As: as(authapi.Alma), Method: "GET", Path: collection, Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "nor the conversation itself", As: as(authapi.Alma), Method: "GET", Path: "/api/collections/conversations/records", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "nobody marks others' messages", As: as(authapi.Omar), Path: url + "/read", Want: 404},
		{Name: "an unknown one is not there", As: as(authapi.Ada), Method: "GET", Path: path + "/conversation/nothing00000001", Want: 404},
		{Name: "a page is a page", As: as(authapi.Ada), Method: "GET", Path: url + "?perPage=1&page=2", Want: 200, Has: []string{`"number":1`, `"totalPages":2`}, Not: []string{`"number":2`}},
		{Name: "words are found", As: as(authapi.Ada), Method: "GET", Path: url + "?q=iron+tablets", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "newest comes first", As: as(authapi.Ada), Method: "GET", Path: url, Want: 200, Then: func(t *testing.T, _ *kerneltest.Server, r kerneltest.Response) {
			if items := r.Items(t); items[0]["number"] != 2.0 || items[0]["senderId"] != authapi.Ada.ID || items[1]["number"] != 1.0 {
				t.Errorf("got %v", items)
			}
		}},
	})
}

func TestUnread(t *testing.T) {
	s := set.Start(t)
	grace := as(authapi.Grace)
	url := path + "/conversation/" + castConversation(t, s)
	count := func(who authapi.Account, want float64) {
		t.Helper()
		if r := s.As(t, as(who), "GET", path+"/unread", nil); r.Status != 200 || r.JSON(t)["totalItems"] != want {
			t.Errorf("%s: want %v unread, got %d: %s", who.Name, want, r.Status, r.Body)
		}
	}
	count(authapi.Grace, 1)
	count(authapi.Ada, 0)
	s.As(t, as(authapi.Nia), "POST", path, to(authapi.Grace.ID, ""))
	count(authapi.Grace, 2)
	s.On(t, []kerneltest.Scenario{
		{Name: "newest first", As: grace, Method: "GET", Path: path + "/unread?perPage=1", Want: 200, Has: []string{`"totalItems":2`, `"totalPages":2`, `"Hello"`}, Not: []string{"tablets"}},
		{Name: "a bad page is named", As: grace, Method: "GET", Path: path + "/unread?page=x", Want: 400, Has: []string{`"page"`}},
		{Name: "nobody walks back over a relation", As: grace, Method: "GET", Path: path + "/unread?expand=conversationId.messages_via_conversationId", Want: 400, Has: []string{`"expand":{"code":"query_not_allowed"`}},
		{Name: "a page beyond the end is empty", As: grace, Method: "GET", Path: path + "/unread?page=9", Want: 200, Has: []string{`"items":[]`}},
		{Name: "the sender's reading marks nothing", As: as(authapi.Ada), Path: url + "/read", Want: 200, Has: []string{`"read":0`}},
		{Name: "the receiver's does", As: grace, Path: url + "/read", Want: 200, Has: []string{`"read":1`}},
		{Name: "once", As: grace, Path: url + "/read", Want: 200, Has: []string{`"read":0`}},
		{Name: "the sender sees it", As: as(authapi.Ada), Method: "GET", Path: url, Want: 200, Not: []string{`"readAt":""`}},
	})
	count(authapi.Grace, 1)
	const many = 130 // more than are marked one by one
	for i := range many {
		if _, err := send(s, authapi.Ada.ID, authapi.Grace.ID, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if r := s.As(t, grace, "POST", url+"/read", nil); r.JSON(t)["read"] != float64(many) {
		t.Errorf("got %s, want %d read", r.Body, many)
	}
	count(authapi.Grace, 1)
}

func TestTheInbox(t *testing.T) {
	s := set.Start(t)
	for _, m := range [][2]authapi.Account{{authapi.Nia, authapi.Grace}, {authapi.Grace, authapi.Rosa}, {authapi.Nia, authapi.Grace}, {authapi.Alma, authapi.Grace}} {
		if _, err := send(s, m[0].ID, m[1].ID, "from "+m[0].Name); err != nil {
			t.Fatal(err)
		}
	}
	r := s.As(t, as(authapi.Grace), "GET", path+"/conversations", nil)
	if r.JSON(t)["totalItems"] != 4.0 {
		t.Errorf("got %s", r.Body)
	}
	var got []string
	for _, c := range r.Items(t) {
		with, last := c["with"].(map[string]any), c["lastMessage"].(map[string]any)
		got = append(got, fmt.Sprint(with["id"], " ", with["name"], " ", with["role"], " ", with["profileId"], " ", last["number"], " ", last["senderId"], " ", c["unread"]))
	}
	want := []string{
		fmt.Sprint(authapi.Alma.ID, " Alma Reyes admin  1 ", authapi.Alma.ID, " 1"),
		fmt.Sprint(authapi.Nia.ID, " Nia Castell nurse ", staffapi.Nia, " 2 ", authapi.Nia.ID, " 2"),
		fmt.Sprint(authapi.Rosa.ID, " Rosa Lindt staff ", staffapi.Rosa, " 1 ", authapi.Grace.ID, " 0"),
		fmt.Sprint(authapi.Ada.ID, " Ada Novak patient ", patientsapi.Ada, " 2 ", authapi.Ada.ID, " 1"),
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("line %d: got %q\nwant %q", i, got[min(i, len(got)-1)], want[i])
		}
	}
	var paged []string
	for page := 1; page <= 3; page++ {
		for _, c := range s.As(t, as(authapi.Grace), "GET", fmt.Sprintf("%s/conversations?perPage=2&page=%d", path, page), nil).Items(t) {
			paged = append(paged, c["with"].(map[string]any)["name"].(string))
		}
	}
	if all := strings.Join(paged, ", "); all != "Alma Reyes, Nia Castell, Rosa Lindt, Ada Novak" {
		t.Errorf("by pages: %s", all)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", Method: "GET", Path: path + "/conversations", Want: 401},
		{Name: "who writes to nobody has an empty inbox", As: as(authapi.Petra), Method: "GET", Path: path + "/conversations", Want: 200, Has: []string{`"items":[]`, `"totalItems":0`}},
	})
}

func TestWhatWasSaidStays(t *testing.T) {
	s := set.Start(t)
	root := s.Superuser(t)
	id := s.As(t, as(authapi.Ada), "GET", collection+"?sort=number", nil).Items(t)[0]["id"].(string)
	s.On(t, []kerneltest.Scenario{
		{Name: "no client changes a message", As: as(authapi.Grace), Method: "PATCH", Path: collection + "/" + id, Body: `{"messageText":"x"}`, Want: 403},
		{Name: "nor marks it by hand", As: as(authapi.Ada), Method: "PATCH", Path: collection + "/" + id, Body: `{"readAt":""}`, Want: 403},
		{Name: "nor takes it back", As: as(authapi.Grace), Method: "DELETE", Path: collection + "/" + id, Want: 403},
		{Name: "nor makes up a conversation", As: as(authapi.Ada), Path: "/api/collections/conversations/records", Body: `{"firstId":"` + authapi.Ada.ID + `","secondId":"` + authapi.Bob.ID + `"}`, Want: 403},
	})
	for _, sql := range []string{
		"UPDATE messages SET messageText = 'x'", "UPDATE messages SET senderId = receiverId", "UPDATE messages SET readAt = ''", "DELETE FROM messages",
	} {
		if _, err := s.App.NonconcurrentDB().NewQuery(sql).Execute(); err == nil || !strings.Contains(err.Error(), "polyclinic:message_fixed") {
			t.Errorf("%s: got %v, want it refused", sql, err)
		}
	}
	// Whoever the dashboard put into a conversation would read all of it.
	for _, side := range []string{"firstId", "secondId"} {
		url := "/api/collections/conversations/records/" + s.As(t, as(authapi.Ada), "GET", collection+"/"+id, nil).JSON(t)["conversationId"].(string)
		if r := s.Do(t, "PATCH", url, root, `{"`+side+`":"`+authapi.Petra.ID+`"}`); r.Status != 409 || r.Code(side) != "conversation_fixed" {
			t.Errorf("%s: %d %s", side, r.Status, r.Body)
		}
	}
	r, err := s.App.FindRecordById("messages", id)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("messageText", "x")
	if err := s.App.Save(r); err == nil {
		t.Error("a job changed a message")
	}
	if err := s.App.Delete(r); err == nil {
		t.Error("a job deleted a message")
	}
}

func TestManyWriteAtOnce(t *testing.T) {
	s := set.Start(t)
	people := []authapi.Account{authapi.Omar, authapi.Nia}
	tokens := []string{s.Token(t, as(people[0])), s.Token(t, as(people[1]))}
	const each = 15
	var mu sync.Mutex
	numbers, conversations := map[any]int{}, map[any]bool{}
	var wg sync.WaitGroup
	for i := range 2 * each {
		wg.Go(func() {
			url := []string{path, collection}[i/2%2]
			r := s.Do(t, "POST", url, tokens[i%2], to(people[(i+1)%2].ID, ""))
			if r.Status >= 300 {
				t.Errorf("got %d: %s", r.Status, r.Body)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			v := r.JSON(t)
			numbers[v["number"]]++
			conversations[v["conversationId"]] = true
		})
	}
	wg.Wait()
	if len(conversations) != 1 || len(numbers) != 2*each || numbers[1.0] != 1 || numbers[float64(2*each)] != 1 {
		t.Errorf("%d conversations, numbers %v", len(conversations), numbers)
	}
}
