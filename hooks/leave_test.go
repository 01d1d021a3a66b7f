package hooks_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// A screen that shows a list live kept what was taken out of its reader's hands: PocketBase
// tells of a change only those who may see the record afterwards.
func TestWhoLosesARecordIsToldThatItIsGone(t *testing.T) {
	s := set.Start(t)
	listen := func(who kerneltest.Account, topic string) *kerneltest.Stream {
		st := s.Connect(t)
		wantStatus(t, who.Email, s.Subscribe(t, st, s.Token(t, who), topic), http.StatusNoContent)
		return st
	}
	adasList, adasRecord := listen(ada, "things/*"), listen(ada, "things/"+adas+`?options={"query":{"fields":"id"}}`)
	bobsList, witness := listen(bob, "things/*"), listen(alma, "things/*")
	hears := func(name string, st *kerneltest.Stream, action string) {
		t.Helper()
		ev, open := st.Next(t)
		var got struct {
			Action string
			Record map[string]any
		}
		if err := json.Unmarshal([]byte(ev.Data), &got); err != nil || !open || got.Action != action || got.Record["id"] != adas {
			t.Errorf("%s heard %v, want %s", name, ev, action)
		}
		if action == "delete" && len(got.Record) != 3 {
			t.Errorf("%s is shown what they may not see: %v", name, got.Record)
		}
	}
	change := func(name, body string) {
		t.Helper()
		wantStatus(t, name, s.As(t, alma, "PUT", path+"/"+adas, body), http.StatusOK)
	}
	toBob := `{"ownerId":"` + authapi.Bob.ID + `"}`

	failed := s.As(t, alma, "POST", "/api/batch", map[string]any{"requests": []any{
		map[string]any{"method": "PATCH", "url": collection + "/" + adas, "body": map[string]any{"ownerId": authapi.Bob.ID}},
		map[string]any{"method": "PATCH", "url": collection + "/nosuchthing0000", "body": map[string]any{"name": "two"}},
	}})
	wantStatus(t, "what is taken back is told to nobody", failed, http.StatusBadRequest)
	change("what changes nobody's reach", `{"name":"mug"}`)
	hears("Ada", adasList, "update")
	hears("Ada, of the record,", adasRecord, "update")
	hears("Alma", witness, "update")
	change("another's now", toBob)
	hears("Ada", adasList, "delete")
	hears("Ada, of the record,", adasRecord, "delete")
	hears("Bob", bobsList, "update")
	hears("Alma", witness, "update")
	change("once more", `{"name":"jug"}`)
	hears("Bob", bobsList, "update")
	hears("Alma", witness, "update")
	for name, st := range map[string]*kerneltest.Stream{"Ada": adasList, "Bob": bobsList, "Alma": witness} {
		if !s.End(t, st) {
			t.Fatalf("the connection of %s is gone", name)
		}
		if ev, open := st.Next(t); !open || ev.Name != "end" {
			t.Errorf("%s heard %v as well", name, ev)
		}
	}
}
