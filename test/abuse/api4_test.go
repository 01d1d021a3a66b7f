package abuse

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

var resources = []attack{
	{"a body beyond the limit is refused, with its length said and in chunks", func(t *testing.T, c *clinic) {
		huge := `{"name":"` + strings.Repeat("x", 3<<20) + `"}`
		for _, path := range []string{"/api/auth/login", "/api/auth/register", "/api/patients", "/api/collections/users/auth-with-password", "/api/batch"} {
			held(t, c.as(t, guest, "POST", path, huge), 413)
			held(t, c.as(t, guest, "POST", path, io.MultiReader(strings.NewReader(huge)), "Transfer-Encoding: chunked"), 413)
		}
		held(t, c.as(t, ada, "PUT", "/api/patients/"+adaPatient, huge), 413)
	}},
	{"JSON nested a hundred thousand deep is refused", func(t *testing.T, c *clinic) {
		deep := `{"prescriptions":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`
		for _, path := range []string{"/api/auth/login", "/api/medical-records", "/api/batch", "/api/collections/users/auth-with-password", "/api/realtime"} {
			held(t, c.as(t, grace, "POST", path, deep), 400)
		}
	}},
	{"a query that is too long, or asks for too much, is refused", func(t *testing.T, c *clinic) {
		for _, q := range []string{"filter=" + strings.Repeat("a", 9000), "filter=" + url.QueryEscape(strings.Repeat("name='a'||", 40)+"name='a'"), "q=" + strings.Repeat("a", 2500),
			"expand=a.b.c.d.e", "expand=" + strings.Repeat("userId,", 20), "sort=" + strings.Repeat("name,", 500), "page=99999999999999999999", "perPage=-1", "page=1e3"} {
			held(t, c.as(t, desk, "GET", "/api/patients?"+q, nil), 400)
			held(t, c.as(t, desk, "GET", "/api/collections/patients/records?"+q, nil), 400)
		}
	}},
	{"no list is longer than its cap", func(t *testing.T, c *clinic) {
		if n := len(c.must(t, 200, c.as(t, desk, "GET", "/api/appointments?perPage=100000", nil)).items()); n != 200 {
			t.Errorf("%d", n)
		}
		if n := len(c.must(t, 200, c.as(t, desk, "GET", "/api/collections/appointments/records?perPage=100000", nil)).items()); n > 1000 {
			t.Errorf("%d", n)
		}
		if n := len(c.must(t, 200, c.as(t, admin, "GET", "/api/audit?perPage=100000", nil)).items()); n > 200 {
			t.Errorf("%d", n)
		}
	}},
	{"a picture of 144 million pixels is not unpacked", func(t *testing.T, c *clinic) {
		held(t, c.upload(t, ada, "PATCH", "/api/collections/users/records/"+adaAccount, "avatar", "face.png", picture(12000, 12000)), 400)
		record, _ := c.record(t, adaPatient)
		held(t, c.upload(t, grace, "PATCH", "/api/collections/medical_records/records/"+record, "attachments+", "scan.png", picture(12000, 12000)), 400)
	}},
	{"one account holds no more than twenty live connections, a guest subscribes to nothing", func(t *testing.T, c *clinic) {
		refused := 0
		for range 22 {
			st := c.connect(t)
			if c.subscribe(t, st, c.token(t, bob), "patients/*").status == 429 {
				refused++
			}
		}
		if refused != 2 {
			t.Errorf("%d of 22 were refused", refused)
		}
		held(t, c.subscribe(t, c.connect(t), "", "notices/*"), 401)
	}},
	{"a connection has at most a hundred topics, and none that is no collection", func(t *testing.T, c *clinic) {
		var many []string
		for i := range 101 {
			many = append(many, fmt.Sprintf("patients/%015d", i))
		}
		st := c.connect(t)
		held(t, c.subscribe(t, st, c.token(t, ada), many...), 400)
		held(t, c.subscribe(t, st, c.token(t, ada), "anything"), 403)
		held(t, c.subscribe(t, st, c.token(t, ada), "@oauth2x", "outbox/*"), 400, 403, 404)
	}},
	{"headers beyond 64 KB end the request", func(t *testing.T, c *clinic) {
		held(t, c.as(t, guest, "GET", "/api/clinic", nil, "X-Long: "+strings.Repeat("x", 80<<10)), 431)
	}},
	{"a client that sends its headers for ever is hung up on", func(t *testing.T, c *clinic) {
		if said := <-c.slow; said != nil {
			t.Error(said)
		}
	}},
	{"a packed body is not unpacked", func(t *testing.T, c *clinic) {
		held(t, c.as(t, guest, "POST", "/api/auth/login", string([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}), "Content-Encoding: gzip"), 400, 415)
	}},
	{"a batch of more than it may hold is refused, and one of a guest's", func(t *testing.T, c *clinic) {
		var many []any
		for range 200 {
			many = append(many, map[string]any{"method": "PATCH", "url": "/api/collections/patients/records/" + adaPatient, "body": map[string]any{}})
		}
		held(t, c.as(t, desk, "POST", "/api/batch", map[string]any{"requests": many}), 400, 403)
		held(t, c.as(t, guest, "POST", "/api/batch", batch("POST", "/api/collections/users/records", map[string]any{})), 401)
	}},
	{"a form of ten thousand parts and a file name of a hundred thousand letters do no harm", func(t *testing.T, c *clinic) {
		var parts [][3]string
		for i := range 10_000 {
			parts = append(parts, [3]string{fmt.Sprintf("f%d", i), "", "x"})
		}
		body, header := form(t, parts...)
		held(t, c.as(t, ada, "PATCH", "/api/collections/users/records/"+adaAccount, body, header), 200, 400, 413)
		held(t, c.upload(t, ada, "PATCH", "/api/collections/users/records/"+adaAccount, "avatar", strings.Repeat("n", 100_000)+".png", picture(2, 2)), 200, 400, 413)
	}},
	{"sign-ins, reads, writes and exports are limited, and the answer says until when", func(t *testing.T, c *clinic) {
		_, who, token := c.person(t, "hasty", "admin")
		for class, try := range map[string]func() answer{
			"read":   func() answer { return c.do(t, token, "GET", "/api/patients?perPage=1", nil) },
			"write":  func() answer { return c.do(t, token, "POST", "/api/messages", `{}`) },
			"export": func() answer { return c.do(t, token, "GET", "/api/reports/patient-summary?format=csv", nil) },
			"signIn": func() answer {
				return c.do(t, "", "POST", "/api/auth/login", map[string]any{"email": who, "password": passwords[who]})
			},
		} {
			c.must(t, 200, c.as(t, root, "PATCH", "/api/collections/clinic/records/clinic000000001", map[string]any{"rateLimits": map[string]int{class: 10}}))
			limited := false
			for range 20 {
				a := try()
				limited = limited || a.status == 429 && a.header.Get("Retry-After") != ""
			}
			if !limited {
				t.Errorf("%s: twenty requests where ten are allowed", class)
			}
		}
		c.must(t, 200, c.as(t, root, "PATCH", "/api/collections/clinic/records/clinic000000001", map[string]any{"rateLimits": map[string]int{"signIn": 6000}}))
	}},
	{"after all of it the server is well", func(t *testing.T, c *clinic) {
		c.must(t, 200, c.as(t, guest, "GET", "/api/health", nil))
	}},
}

// picture is a PNG that says it is that large; its pixels are all the same.
func picture(width, height uint32) string {
	var out bytes.Buffer
	out.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		_ = binary.Write(&out, binary.BigEndian, uint32(len(data)))
		out.WriteString(kind)
		out.Write(data)
		_ = binary.Write(&out, binary.BigEndian, crc32.ChecksumIEEE(append([]byte(kind), data...)))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	chunk("IHDR", append(head, 8, 0, 0, 0, 0))
	var pixels bytes.Buffer
	z := zlib.NewWriter(&pixels)
	row := make([]byte, width+1)
	for range min(height, 500) {
		_, _ = z.Write(row) // into memory
	}
	_ = z.Close()
	chunk("IDAT", pixels.Bytes())
	chunk("IEND", nil)
	return out.String()
}

// dawdle begins a request that never ends, and reports whether the server let it hang.
func (c *clinic) dawdle() error {
	conn, err := net.Dial("tcp", c.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /api/clinic HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(program.Patience))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if late, is := errors.AsType[net.Error](err); is && late.Timeout() {
		return errors.New("it still waits")
	}
	if err != nil {
		return nil // hung up on
	}
	res.Body.Close()
	if res.StatusCode < 400 {
		return errors.New(res.Status)
	}
	return nil
}
