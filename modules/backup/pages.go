package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Image is a database as its pages are. A base and its steps hold databases so, since between two
// moments few pages differ; VACUUM INTO, by which other backups are made, writes every page anew.
type Image struct {
	Name  string `json:"name"`  // path in the data folder, with slashes
	Size  int    `json:"size"`  // of a page, in bytes
	Pages int64  `json:"pages"` // how many
	Sum   string `json:"sum"`   // SHA-256 of the sums of all pages, in their order
}

// sumSize is how much of a page's SHA-256 is kept. Nobody who could make two pages alike on purpose
// gains by it: the older one is restored.
const sumSize = 16

// pages is a database as of one moment. Writers do not wait for it, but while it is open SQLite
// cannot begin its log anew.
type pages struct {
	db    *dbx.DB
	tx    *dbx.Tx
	size  int
	count int64
}

func openPages(path string) (*pages, error) {
	db, err := kernel.OpenToRead(path)
	if err != nil {
		return nil, err
	}
	p := &pages{db: dbx.NewFromDB(db, "sqlite")}
	if p.tx, err = p.db.Begin(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	var n int
	err = errors.Join(
		p.tx.NewQuery("SELECT count(*) FROM sqlite_schema").Row(&n), // the moment
		p.tx.NewQuery("PRAGMA page_size").Row(&p.size),
		p.tx.NewQuery("PRAGMA page_count").Row(&p.count),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", filepath.Base(path), err), p.close())
	}
	return p, nil
}

func (p *pages) close() error { return errors.Join(p.tx.Rollback(), p.db.Close()) }

// each calls fn with every page in its order. data is fn's only while it runs.
func (p *pages) each(fn func(number int64, data []byte) error) (err error) {
	rows, err := p.tx.NewQuery("SELECT pgno, data FROM sqlite_dbpage('main')").Rows()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var (
		number, last int64
		data         sql.RawBytes
	)
	for rows.Next() {
		if err := rows.Rows.Scan(&number, &data); err != nil {
			return err
		}
		if last++; number != last || len(data) != p.size {
			return fmt.Errorf("page %d of %d bytes follows page %d", number, len(data), last-1)
		}
		if err := fn(number, alone(number, data)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if last != p.count {
		return fmt.Errorf("read %d of %d pages", last, p.count)
	}
	return nil
}

// alone says in the first page that the database is complete without a log, as it is in a copy.
func alone(number int64, data []byte) []byte {
	if number != 1 || len(data) < 20 || data[18] == 1 && data[19] == 1 {
		return data
	}
	data = bytes.Clone(data)
	data[18], data[19] = 1, 1
	return data
}

// only writes the pages of these numbers, each after its number, as applyPages reads them.
func (p *pages) only(numbers []int64, to io.Writer) (err error) {
	q := p.tx.NewQuery("SELECT data FROM sqlite_dbpage('main') WHERE pgno = {:n}").Prepare()
	defer func() { err = errors.Join(err, q.Close()) }()
	var head [4]byte
	for _, n := range numbers {
		var data []byte
		if err := q.Bind(dbx.Params{"n": n}).Row(&data); err != nil {
			return fmt.Errorf("read page %d: %w", n, err)
		}
		binary.BigEndian.PutUint32(head[:], uint32(n)) // SQLite's own page numbers have 32 bits
		if _, err := to.Write(head[:]); err != nil {
			return err
		}
		if _, err := to.Write(alone(n, data)); err != nil {
			return err
		}
	}
	return nil
}

// differ returns the image, and which pages are not those of the sums before.
func (p *pages) differ(name string, before []byte) (img Image, numbers []int64, err error) {
	all := sha256.New()
	err = p.each(func(n int64, data []byte) error {
		sum := sha256.Sum256(data)
		_, _ = all.Write(sum[:sumSize]) // a hash takes everything
		if end := n * sumSize; end > int64(len(before)) || !bytes.Equal(before[end-sumSize:end], sum[:sumSize]) {
			numbers = append(numbers, n)
		}
		return nil
	})
	return Image{Name: name, Size: p.size, Pages: p.count, Sum: hex.EncodeToString(all.Sum(nil))}, numbers, err
}

// copyPages writes the database at from, as its pages are, into the new file to.
func copyPages(from, to string) (err error) {
	p, err := openPages(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return written(to, func(w io.Writer) error {
		return p.each(func(_ int64, data []byte) error {
			_, err := w.Write(data)
			return err
		})
	})
}

// written makes the new file at path of what fn writes, and puts it on the disk.
func written(path string, fn func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(&gentle{file: f}, 1<<18)
	return errors.Join(fn(w), w.Flush(), f.Sync(), f.Close())
}

// sumsOf returns the sums of the pages of a database's copy.
func sumsOf(path string, size int) (sums []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, page := bufio.NewReaderSize(f, 1<<18), make([]byte, size)
	for {
		_, err := io.ReadFull(r, page)
		if errors.Is(err, io.EOF) {
			return sums, nil
		}
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(page)
		sums = append(sums, sum[:sumSize]...)
	}
}

// pageSize returns that of the database's copy, by its first page.
func pageSize(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	head := make([]byte, 18)
	if _, err := io.ReadFull(f, head); err != nil {
		return 0, err
	}
	size := int(binary.BigEndian.Uint16(head[16:]))
	if size == 1 {
		size = 65536
	}
	if !goodSize(size) {
		return 0, fmt.Errorf("%s is no database", filepath.Base(path))
	}
	return size, nil
}

func goodSize(n int) bool { return n >= 512 && n <= 65536 && n&(n-1) == 0 }

// applyPages makes the database at path, which may not be there, what the image says, by the pages
// that only wrote into the file from; "" where none differ.
func applyPages(path, from string, img Image) error {
	if !goodSize(img.Size) || img.Pages < 1 || img.Pages > 1<<32-2 {
		return damaged(fmt.Errorf("%s: %d pages of %d bytes", img.Name, img.Pages, img.Size))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = putPages(f, from, img)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("put the pages of %s together: %w", img.Name, err)
	}
	sums, err := sumsOf(path, img.Size)
	if err != nil {
		return err
	}
	if sumOf(sums) != img.Sum {
		return damaged(fmt.Errorf("%s is not what it was when the step was made", img.Name))
	}
	return kernel.SyncFile(filepath.Dir(path))
}

func putPages(to *os.File, from string, img Image) error {
	info, err := to.Stat()
	if err != nil {
		return err
	}
	size := int64(img.Size)
	if from == "" {
		return lengthen(to, info.Size(), img)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	changed, err := in.Stat()
	if err != nil {
		return err
	}
	if err := lengthen(to, info.Size()+changed.Size()/(4+size)*size, img); err != nil {
		return err
	}
	r, record := bufio.NewReaderSize(in, 1<<18), make([]byte, 4+size)
	for {
		_, err := io.ReadFull(r, record)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		n := int64(binary.BigEndian.Uint32(record))
		if n < 1 || n > img.Pages {
			return damaged(fmt.Errorf("page %d of %d", n, img.Pages))
		}
		if _, err := to.WriteAt(record[4:], (n-1)*size); err != nil {
			return err
		}
	}
}

// lengthen makes the file as long as the image says. It is no more than the base and the step have
// together: a step does not say how much of a disk to fill.
func lengthen(f *os.File, most int64, img Image) error {
	length := img.Pages * int64(img.Size)
	if length > most {
		return damaged(errors.New("pages are missing"))
	}
	return f.Truncate(length)
}

func sumOf(sums []byte) string {
	all := sha256.Sum256(sums)
	return hex.EncodeToString(all[:])
}
