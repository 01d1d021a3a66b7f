package records_test

import (
	"bytes"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
)

// upload sends a file to a record as a form.
func upload(t *testing.T, s *kerneltest.Server, url, token, name, content string) kerneltest.Response {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("attachments+", name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Do(t, "PUT", url, token, body.String(), "Content-Type: "+form.FormDataContentType())
}

func TestAttachments(t *testing.T) {
	kept := make(chan bool, 1)
	s := set.Start(t, func(app *tests.TestApp) {
		app.OnModelAfterDeleteSuccess().Bind(&hook.Handler[*core.ModelEvent]{Priority: -500, Func: func(e *core.ModelEvent) error {
			_, removesFiles := e.Model.(core.FilesManager) // what PocketBase asks ahead of removing the folder
			kept <- !removesFiles
			return e.Next()
		}})
	})
	url, token := path+"/"+recordsapi.Ada, s.Token(t, as(authapi.Grace))
	r := upload(t, s, url, token, "scan.txt", "all fine")
	names, _ := r.JSON(t)["attachments"].([]any)
	if r.Status != 200 || len(names) != 1 {
		t.Fatalf("%d: %s", r.Status, r.Body)
	}
	called := func(r kerneltest.Response, name any) any {
		all, _ := r.JSON(t)["attachmentNames"].(map[string]any)
		return all[name.(string)]
	}
	if called(r, names[0]) != "scan.txt" || strings.Contains(names[0].(string), "scan") {
		t.Errorf("it is stored as %q, and was %v", names[0], called(r, names[0]))
	}
	if r := upload(t, s, url, token, "page.html", "<!doctype html><html><script>1</script></html>"); r.Status != 400 || r.Code("attachments") == "" {
		t.Errorf("a web page: got %d: %s", r.Status, r.Body)
	}
	r = upload(t, s, url, token, "More of \u202eAda.txt", "second")
	both, _ := r.JSON(t)["attachments"].([]any)
	if r.Status != 200 || len(both) != 2 || called(r, both[0]) != "scan.txt" || called(r, both[1]) != "More of Ada.txt" {
		t.Errorf("a second file: got %d: %s", r.Status, r.Body)
	}
	if r := s.Do(t, "PUT", url, token, `{"attachmentNames":{"x":"y"}}`); r.Status != 400 || r.Code("attachmentNames") != "server_set" {
		t.Errorf("names that somebody sends: got %d: %s", r.Status, r.Body)
	}
	if r := s.Do(t, "PUT", url, token, map[string]any{"notes": "seen", "attachmentNames": r.JSON(t)["attachmentNames"]}); r.Status != 200 || called(r, names[0]) != "scan.txt" {
		t.Errorf("what was read is sent back: got %d: %s", r.Status, r.Body)
	}
	for _, body := range []string{`{"attachments":[]}`, `{"attachments":null}`, `{"attachments-":["` + names[0].(string) + `"]}`} {
		if r := s.Do(t, "PUT", url, token, body); r.Status != 409 || r.Code("attachments") != "attachments_kept" {
			t.Errorf("%s: got %d, want 409: %s", body, r.Status, r.Body)
		}
	}
	file := "/api/files/medical_records/" + recordsapi.Ada + "/" + names[0].(string)
	read := func(a authapi.Account) int {
		v := s.As(t, as(a), "POST", "/api/files/token", nil).JSON(t)
		return s.Do(t, "GET", file+"?token="+v["token"].(string), "", nil).Status
	}
	for _, c := range []struct {
		who  authapi.Account
		want int
	}{{authapi.Omar, 200}, {authapi.Nia, 200}, {authapi.Ada, 200}, {authapi.Bob, 404}, {authapi.Rosa, 404}} {
		if got := read(c.who); got != c.want {
			t.Errorf("%s: got %d, want %d", c.who.Name, got, c.want)
		}
	}
	if got := s.Do(t, "GET", file, "", nil).Status; got != 404 {
		t.Errorf("without a file token: got %d, want 404", got)
	}
	if r := s.Do(t, "DELETE", url, token, nil); r.Status != 204 {
		t.Fatalf("%d: %s", r.Status, r.Body)
	}
	if !<-kept {
		t.Error("PocketBase is about to remove the files of a record entered in error")
	}
	if got := read(authapi.Nia); got != 404 {
		t.Errorf("a file of a record entered in error: got %d, want 404", got)
	}
}
