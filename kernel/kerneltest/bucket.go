package kerneltest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Bucket is an S3 of one bucket in memory: what PocketBase's client asks of one.
type Bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	parts   map[string]map[string][]byte // of uploads that are not complete, by id and number
	whole   int                          // uploads in several parts that were completed
	refuse  string                       // method that is answered 503
}

func (b *Bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

func (b *Bucket) list(w io.Writer, prefix string) {
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

// NewBucket starts an empty one and returns how to reach it; it ends with the test.
func NewBucket(t testing.TB) (*Bucket, core.S3Config) {
	t.Helper()
	b := &Bucket{objects: map[string][]byte{}, parts: map[string]map[string][]byte{}}
	remote := httptest.NewServer(b)
	t.Cleanup(remote.Close)
	return b, core.S3Config{Enabled: true, Bucket: "clinic", Region: "us-east-1", Endpoint: remote.URL, AccessKey: "key", Secret: "secret", ForcePathStyle: true}
}

// Names returns what is in it, sorted.
func (b *Bucket) Names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

// Object returns what is there under the name, nil when nothing is.
func (b *Bucket) Object(name string) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.objects[name]
}

// Put puts it there as somebody else would.
func (b *Bucket) Put(name string, raw []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[name] = raw
}

// Whole returns how many uploads in several parts were completed.
func (b *Bucket) Whole() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.whole
}

// Refuse answers requests of the method 503 from now on, none when it is "".
func (b *Bucket) Refuse(method string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = method
}
