package hooks_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black})); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func fileToken(t *testing.T, s *kerneltest.Server, who kerneltest.Account) string {
	t.Helper()
	token, _ := s.As(t, who, "POST", "/api/files/token", nil).JSON(t)["token"].(string)
	if token == "" {
		t.Fatal("no file token")
	}
	return token
}

// Finding 15.
func TestAFileIsForThoseWhoMaySeeItsRecord(t *testing.T) {
	s := set.Start(t)
	made := sendForm(t, s, s.Token(t, alma), path, map[string]string{"name": "x-ray", "ownerId": "userpatient0001"}, upload{"scan", "hand.png", picture(t, 40, 40)})
	wantStatus(t, "upload", made, http.StatusCreated)
	name, _ := made.JSON(t)["scan"].(string)
	file := "/api/files/things/" + made.ID(t) + "/" + name
	adaToken := fileToken(t, s, ada)
	for _, c := range []struct {
		name, path string
		want       int
	}{
		{"without a token", file, 404},
		{"its thumbnail without a token", file + "?thumb=10x10", 404},
		{"with the owner's", file + "?token=" + adaToken, 200},
		{"its thumbnail with the owner's", file + "?thumb=10x10&token=" + adaToken, 200},
		{"with another's", file + "?token=" + fileToken(t, s, bob), 404},
		{"with a sign-in token", file + "?token=" + s.Token(t, ada), 404},
		{"by the collection's name in capitals", strings.Replace(file, "things", "THINGS", 1), 404},
		{"out of the folder", "/api/files/things/" + made.ID(t) + "/..%2f..%2fdata.db?token=" + adaToken, 404},
		{"out of the folder by dots", "/api/files/things/../../data.db?token=" + adaToken, 404},
	} {
		r := s.Do(t, "GET", c.path, "", nil)
		if r.Status != c.want {
			t.Errorf("%s: got %d, want %d", c.name, r.Status, c.want)
		}
		if cache := r.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
			t.Errorf("%s: Cache-Control is %q", c.name, cache)
		}
	}
	if got := s.Do(t, "GET", file, s.Token(t, ada), nil); got.Status != http.StatusNotFound {
		t.Errorf("with the sign-in token in the header: got %d; files take file tokens only", got.Status)
	}
}

func TestAFileTokenIsNoSignIn(t *testing.T) {
	s := set.Start(t)
	token := fileToken(t, s, ada)
	wantStatus(t, "documented path", s.Do(t, "GET", path, token, nil), http.StatusUnauthorized)
	if r := s.Do(t, "GET", collection, token, nil); strings.Contains(r.Body, adas) {
		t.Errorf("collection: %s", r.Body)
	}
	if r := s.Do(t, "POST", "/api/files/token", token, nil); r.Status == http.StatusOK {
		t.Error("a file token gets another file token")
	}
}

// Finding 16: 136 KB of a picture took 721 MB to make a thumbnail of.
func TestAnImageBombIsRefused(t *testing.T) {
	s := set.Start(t)
	bomb := picture(t, 12000, 12000)
	if len(bomb) > 1<<20 {
		t.Fatalf("the bomb has %d bytes, more than the field takes", len(bomb))
	}
	r := sendForm(t, s, s.Token(t, alma), path, map[string]string{"name": "bomb"}, upload{"scan", "bomb.png", bomb})
	if r.Status != http.StatusBadRequest || r.Code("scan") != "image_too_large" {
		t.Errorf("create: got %d %s", r.Status, r.Body)
	}
	wantStatus(t, "a picture", sendForm(t, s, s.Token(t, alma), path, map[string]string{"name": "small"}, upload{"scan", "small.png", picture(t, 600, 600)}), http.StatusCreated)
}

// The name of a file may be a patient's: what is made of it is in addresses, in PocketBase's log,
// in refusals and beside the file itself.
func TestAFileKeepsNothingOfItsName(t *testing.T) {
	s := set.Start(t)
	s.App.Settings().Logs.MinLevel, s.App.Settings().Logs.MaxDays = -8, 5 // test apps keep none
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	token := s.Token(t, alma)
	broken := picture(t, 40, 40)
	broken = broken[:len(broken)-20]
	for _, name := range []string{"John Smith HIV.png", "john-smith.hiv", "../../etc/smith.png", "<script>smith(1)</script>.png", "a\u202egnp.smith.png", strings.Repeat("smith", 80) + ".png"} {
		r := sendForm(t, s, token, path, map[string]string{"name": "x"}, upload{"scan", name, broken})
		wantStatus(t, name, r, http.StatusCreated)
		stored, _ := r.JSON(t)["scan"].(string)
		if !regexp.MustCompile(`^[a-z0-9]{20}\.png$`).MatchString(stored) {
			t.Errorf("%q became %q", name, stored)
		}
		got := s.Do(t, "GET", "/api/files/things/"+r.ID(t)+"/"+stored+"?thumb=10x10&token="+fileToken(t, s, alma), "", nil)
		if wantStatus(t, "the file", got, http.StatusOK); strings.Contains(got.Header.Get("Content-Disposition"), "mith") {
			t.Errorf("%q is served as %q", name, got.Header.Get("Content-Disposition"))
		}
		if logs := logged(t, s); !strings.Contains(logs, "failed to create thumb") || strings.Contains(logs, stored) || strings.Contains(logs, r.ID(t)) {
			t.Errorf("the log names the file: %s", logs)
		}
	}
	inBatch, header := form(t, map[string]string{"@jsonPayload": encode(t, inBatch("POST", collection, map[string]any{"name": "x"}))}, upload{"requests.0.scan", "smith.png", broken})
	wantStatus(t, "in a batch", s.Do(t, "POST", "/api/batch", token, inBatch, header), http.StatusOK)
	things, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	things.Fields.GetByName("scan").(*core.FileField).MimeTypes = []string{"application/pdf"}
	if err := s.App.Save(things); err != nil {
		t.Fatal(err)
	}
	if r := sendForm(t, s, token, path, map[string]string{"name": "x"}, upload{"scan", "smith.png", broken}); r.Code("scan") == "" || strings.Contains(r.Body, "smith") {
		t.Errorf("a refusal: %d %s", r.Status, r.Body)
	}
	files := 0
	err = filepath.WalkDir(filepath.Join(s.App.DataDir(), "storage"), func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		raw, err := os.ReadFile(p)
		if bytes.Contains(bytes.ToLower(append(raw, p...)), []byte("smith")) {
			t.Errorf("%s has the name", p)
		}
		return err
	})
	if err != nil || files < 14 { // seven files with what is kept beside each
		t.Errorf("%d files: %v", files, err)
	}
}
