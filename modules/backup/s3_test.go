package backup_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// bucket is an S3 of one bucket in memory: what PocketBase's client asks of one.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	parts   map[string]map[string][]byte // of uploads that are not complete, by id and number
	whole   int                          // uploads in several parts that were completed
	refuse  string                       // method that is answered 503
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/clinic/")
	q := r.URL.Query()
	body, err := io.ReadAll(r.Body)
	switch upload := q.Get("uploadId"); {
	case err != nil, !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=key/"):
		w.WriteHeader(http.StatusForbidden)
	case r.Method == b.refuse:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.Method == "GET" && q.Get("list-type") == "2":
		b.list(w, q.Get("prefix"))
	case r.Method == "POST" && q.Has("uploads"):
		id := fmt.Sprint(len(b.parts) + 1)
		b.parts[id] = map[string][]byte{}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == "PUT" && upload != "":
		b.parts[upload][fmt.Sprintf("%5s", q.Get("partNumber"))] = body
		w.Header().Set("ETag", `"`+q.Get("partNumber")+`"`)
	case r.Method == "POST" && upload != "":
		for _, n := range slices.Sorted(maps.Keys(b.parts[upload])) {
			b.objects[key] = append(b.objects[key], b.parts[upload][n]...)
		}
		b.whole++
		fmt.Fprint(w, "<CompleteMultipartUploadResult/>")
	case r.Method == "PUT" && r.Header.Get("x-amz-copy-source") != "":
		from, _ := url.PathUnescape(r.Header.Get("x-amz-copy-source"))
		b.objects[key] = b.objects[strings.TrimPrefix(from, "clinic/")]
		fmt.Fprint(w, "<CopyObjectResult/>")
	case r.Method == "PUT":
		b.objects[key] = body
	case r.Method == "DELETE":
		delete(b.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case b.objects[key] == nil:
		w.WriteHeader(http.StatusNotFound)
	default:
		http.ServeContent(w, r, "", time.Now(), bytes.NewReader(b.objects[key]))
	}
}

func (b *bucket) list(w io.Writer, prefix string) {
	type object struct {
		Key          string
		Size         int
		LastModified time.Time
	}
	answer := struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []object
	}{}
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if strings.HasPrefix(key, prefix) {
			answer.Contents = append(answer.Contents, object{key, len(b.objects[key]), time.Now().UTC()})
		}
	}
	_ = xml.NewEncoder(w).Encode(answer) // to a test's client
}

func (b *bucket) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

func TestBackupsGoToAnS3(t *testing.T) {
	sealed(t)
	store := &bucket{objects: map[string][]byte{}, parts: map[string]map[string][]byte{}}
	remote := httptest.NewServer(store)
	defer remote.Close()
	s := set.Start(t)
	if err := os.MkdirAll(filepath.Join(s.App.DataDir(), "storage", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	scan := make([]byte, 13<<20) // a part of an upload is 6 MB
	if _, err := rand.Read(scan); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.App.DataDir(), "storage", "x", "scan"), scan, 0o600); err != nil {
		t.Fatal(err)
	}
	s.App.Settings().Backups.S3 = core.S3Config{Enabled: true, Bucket: "clinic", Region: "us-east-1", Endpoint: remote.URL, AccessKey: "key", Secret: "secret", ForcePathStyle: true}
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	if err := s.App.CreateBackup(context.Background(), "@auto_pb_backup_a.zip"); err != nil {
		t.Fatal(err)
	}
	names := store.names()
	if len(names) != 2 || !strings.HasPrefix(names[0], "@auto_pb_backup_a") || !strings.HasPrefix(names[1], "weekly_") || store.whole == 0 {
		t.Fatalf("the bucket has %v, %d in several parts", names, store.whole)
	}
	if left, err := os.ReadDir(filepath.Join(s.App.DataDir(), core.LocalBackupsDirName)); err == nil && len(left) > 0 {
		t.Errorf("here stays %v", left)
	}
	// What is there is a backup: fetched as an admin would, it verifies.
	for _, name := range names {
		file := filepath.Join(t.TempDir(), "fetched.tar.gz.age")
		if err := os.WriteFile(file, store.objects[name], 0o600); err != nil {
			t.Fatal(err)
		}
		mustRun(t, s.Kernel, "backup", "verify", file)
	}
	list := s.Do(t, "GET", "/api/backups", s.Superuser(t), nil)
	if list.Status != http.StatusOK || !strings.Contains(string(list.Body), names[0]) {
		t.Errorf("the dashboard lists %d %s", list.Status, list.Body)
	}
	// The server opens it there by itself.
	wantFound(t, "opened on the S3", look(t, s), "")
	var at string
	if err := s.App.DB().Select("checkedAt").From("backup_runs").Row(&at); err != nil || at == "" {
		t.Errorf("opened at %q, %v", at, err)
	}
	// An S3 that is away is an alarm, and leaves nothing half done.
	store.refuse = "POST"
	if err := s.App.CreateBackup(context.Background(), "@auto_pb_backup_b.zip"); err == nil {
		t.Error("a backup that did not arrive was called made")
	}
	if got := store.names(); len(got) != 2 {
		t.Errorf("the bucket has %v", got)
	}
	var failed []string
	for _, f := range ownCheck(s).Run(s.App) {
		failed = append(failed, f.Code)
	}
	if !slices.Contains(failed, "backup_failed") {
		t.Errorf("the check finds %v", failed)
	}
}
