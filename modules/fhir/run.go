package fhir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/progress"
	"github.com/polyclinic-os/polyclinic/modules/fhir/bundle"
	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// run is one import.
type run struct {
	ctx      context.Context
	kernel   *kernel.Kernel
	app      core.App
	plan     *plan
	source   string // name of the set of data that the keys belong to
	keepText bool
	id       int64 // grows from run to run

	files    []bundle.File
	missing  []*bundle.Problem // what was named and is no file to read
	problems io.Writer         // a line for each refusal
	bar      *progress.Bar
	counts   counts
}

// do reads the files and makes the records. What could not go in is counted and told; the
// error is what kept the whole import from going on.
func (r *run) do() error {
	r.id = time.Now().UnixMilli()
	r.counts = newCounts()
	if err := r.read(); err != nil {
		return err
	}
	if err := r.place(); err != nil {
		return err
	}
	if err := r.tellWaiting(); err != nil {
		return err
	}
	if err := r.write(); err != nil {
		return err
	}
	kernel.Optimize(r.app)
	if !r.keepText {
		_, err := r.app.NonconcurrentDB().NewQuery(`DELETE FROM fhir_texts WHERE resource IN (SELECT id FROM fhir_resources WHERE state >= 2)`).Execute()
		if err != nil {
			return fmt.Errorf("drop the texts of resources: %w", err)
		}
	}
	return r.app.DB().NewQuery(`SELECT (SELECT COUNT(*) FROM fhir_resources WHERE state = 0 AND run != {:run})
		+ (SELECT COUNT(*) FROM fhir_resources r JOIN fhir_records p ON p.id = r.part WHERE p.due = 1 AND r.state = 1 AND r.run != {:run})`).
		Bind(dbx.Params{"run": r.id}).Row(&r.counts.waiting)
}

// read takes in every resource of the files.
func (r *run) read() error {
	var size, before int64
	for _, f := range r.files {
		size += f.Size
	}
	r.bar.Begin("reading", size, "resources")
	for _, p := range r.missing {
		r.tellBroken(p)
	}
	in := &intake{run: r}
	for i, f := range r.files {
		reader := bundle.Reader{
			Problem:  r.tellBroken,
			Progress: func(read int64) { r.bar.At(before + read) },
		}
		err := reader.Read(r.ctx, f, func(e bundle.Entry) error {
			r.bar.Count(1)
			r.counts.of(e.Type).read++
			reading, err := r.plan.read(e)
			var no *fhirapi.Refusal
			if errors.As(err, &no) {
				r.refuse(i, e.Index, e.Type, no.Error())
				return nil
			}
			if err != nil {
				return err
			}
			reading.file = i
			return in.add(reading)
		})
		if err != nil {
			return err
		}
		before += f.Size
	}
	return in.flush()
}

// refuse tells and counts one resource that does not go in.
func (r *run) refuse(file, entry int, kind, reason string) {
	r.counts.of(kind).refused++
	r.tell(&bundle.Problem{File: r.files[file].Path, Index: entry, Reason: kind + ": " + reason})
}

// tellBroken tells and counts an entry or a file that could not be read.
func (r *run) tellBroken(p *bundle.Problem) {
	r.counts.broken++
	r.tell(p)
}

func (r *run) tell(p *bundle.Problem) {
	r.bar.Clear()
	// Whoever reads this has gone if it cannot be written; the counts say it again.
	_, _ = fmt.Fprintln(r.problems, p.Error())
}

// countDone counts the resources of a record that was written.
func (r *run) countDone(collection string, parts []*part, did outcome) {
	r.counts.record(collection, did)
	for _, p := range parts {
		if p.State != statePlaced {
			continue
		}
		count := r.counts.of(p.Type)
		switch {
		case p.Run != r.id:
			r.counts.late++
		case p.Skipped:
			r.counts.skip(p.Type, "was taken back by its source")
		case p.Fresh && did != untouched:
			count.added++
		case did == updated:
			count.changed++
		default:
			count.unchanged++
		}
	}
}

func (r *run) countRefused(parts []*part, no *fhirapi.Refusal) {
	for _, p := range parts {
		switch {
		case p.State != statePlaced || p.Run != r.id:
		case no.Kind == fhirapi.Skipped:
			r.counts.skip(p.Type, no.Reason)
		default:
			r.refuse(p.File, p.Entry, p.Type, no.Error())
		}
	}
}

// refusal says in a line why a record could not be made, or returns nil for an error that
// is no resource's fault.
func (r *run) refusal(err error) *fhirapi.Refusal {
	err = r.kernel.FromSQL(err)
	var (
		end     *fatal
		no      *fhirapi.Refusal
		one     *kernel.Error
		several kernel.Invalid
		fields  validation.Errors
		api     *router.ApiError
	)
	switch {
	case errors.As(err, &end), errors.Is(err, context.Canceled):
		return nil
	case errors.As(err, &no):
		return no
	case errors.As(err, &one):
		return &fhirapi.Refusal{Field: one.Field, Reason: one.Text}
	case errors.As(err, &several):
		return &fhirapi.Refusal{Reason: several.Error()}
	case errors.As(err, &fields):
		return &fhirapi.Refusal{Reason: fieldErrors(fields)}
	case errors.As(err, &api):
		return &fhirapi.Refusal{Reason: api.Message}
	}
	for _, full := range []string{"disk is full", "disk I/O error", "malformed", "readonly database", "database is locked"} {
		if strings.Contains(err.Error(), full) {
			return nil
		}
	}
	r.app.Logger().Error("record of an import not saved", "error", err)
	return &fhirapi.Refusal{Reason: "could not be saved"}
}

// fieldErrors puts PocketBase's own checks of the fields into a line.
func fieldErrors(fields validation.Errors) string {
	var lines []string
	for name, err := range fields {
		lines = append(lines, name+": "+err.Error())
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}
