// Package bundle reads FHIR R4 files: bundles, single resources and NDJSON,
// plain or gzipped, of any size, one resource at a time.
//
// It knows FHIR and nothing of the hospital: what becomes of a resource is its
// caller's business. Resources are handed over as the text they came in; package
// fhirapi has the structs to read them with.
//
// Source: HL7 FHIR R4 (4.0.1), https://hl7.org/fhir/R4/.
package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// DefaultLimit is the size in bytes a single resource may have.
const DefaultLimit = 64 << 20

// Reader reads files. The zero value is ready to use; a Reader holds no state
// and may be used by several goroutines if its callbacks may.
type Reader struct {
	// Limit is the size in bytes above which a resource is skipped and
	// reported; 0 means DefaultLimit. Memory in use is a small multiple of
	// the largest resource read, never of the file.
	Limit int

	// Problem is told what could not be read. When nil, the first problem
	// ends the reading and is returned as its error.
	Problem func(*Problem)

	// Progress, when set, is told how many bytes of the file, as it lies on
	// disk, have been read so far. Compare with File.Size.
	Progress func(read int64)
}

// Entry is one resource and how it came.
type Entry struct {
	File  string // path of the file
	Index int    // position in the file, counted from 0, broken ones included

	// From Bundle.entry; empty for resources outside a bundle.
	FullURL     string
	Method      string // POST, PUT, …; empty in a collection
	URL         string // "Patient", "Patient/1", "Patient?identifier=…"
	IfNoneExist string // "identifier=system|value"

	Type string // resourceType, never empty
	ID   string // may be empty
	Raw  json.RawMessage
}

// Problem is something in a file that could not be read.
type Problem struct {
	File   string
	Index  int    // as Entry.Index; -1 when it concerns the file as a whole
	Reason string // names fields and places, never what a patient's field holds
}

// Error returns file, index and reason in one line.
func (p *Problem) Error() string {
	if p.Index < 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Reason)
	}
	return fmt.Sprintf("%s: entry %d: %s", p.File, p.Index, p.Reason)
}

// Problem returns a problem with this entry.
func (e Entry) Problem(reason string) *Problem {
	return &Problem{File: e.File, Index: e.Index, Reason: reason}
}

// Read calls each for every resource of the file, in the file's order.
//
// A resource that is not valid is reported to r.Problem and the next one
// follows. A file that cannot be opened, is cut short or broken in its JSON or
// gzip is reported too, after what stood before the break has been handed over;
// in NDJSON the following lines still come. None of these is an error of Read.
// Its errors are ctx's and each's, returned as they are.
func (r Reader) Read(ctx context.Context, f File, each func(Entry) error) error {
	in, err := os.Open(f.Path)
	if err != nil {
		return r.report(&Problem{File: f.Path, Index: -1, Reason: openReason(err)})
	}
	defer in.Close()
	return r.Stream(ctx, f.Path, in, each)
}

// Stream is Read on an open input. The name is the Entry.File of what it finds,
// and one ending in .ndjson or .jsonl (with or without .gz) says that a line is
// a document of its own, so that a broken one spoils no other.
func (r Reader) Stream(ctx context.Context, name string, in io.Reader, each func(Entry) error) error {
	run := &run{Reader: r, ctx: ctx, file: name, each: each}
	src := &source{ctx: ctx, in: in, progress: r.Progress}
	text, err := open(src)
	if err != nil {
		return run.stop(err, -1, "")
	}
	if isLines(name) {
		return run.lines(text)
	}
	found, err := run.documents(newScanner(text, r.limit()))
	if err != nil {
		return run.stop(err, run.index, "")
	}
	if !found {
		return run.problem(-1, "is empty")
	}
	return nil
}

func (r Reader) limit() int {
	if r.Limit > 0 {
		return r.Limit
	}
	return DefaultLimit
}

func (r Reader) report(p *Problem) error {
	if r.Problem == nil {
		return p
	}
	r.Problem(p)
	return nil
}
