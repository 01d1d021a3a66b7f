package hooks

import (
	"errors"
	"image"
	_ "image/gif"  // sizes of GIF uploads
	_ "image/jpeg" // sizes of JPEG uploads
	_ "image/png"  // sizes of PNG uploads
	"iter"

	"github.com/gabriel-vasile/mimetype"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// maxPixels stops image bombs: a 136 KB PNG of 12000² took 721 MB to make a thumbnail of.
const maxPixels = 40_000_000

func bindFiles(k *kernel.Kernel) {
	k.App.OnFileDownloadRequest().Bind(&hook.Handler[*core.FileDownloadRequestEvent]{Id: "platform.files.nostore", Func: func(e *core.FileDownloadRequestEvent) error {
		e.Response.Header().Set("Cache-Control", "private, no-store")
		e.Response.Header().Set("Referrer-Policy", "no-referrer")
		return e.Next()
	}})
	// Ahead of the modules' hooks, which are told both names; what they do not keep is dropped.
	k.App.OnRecordCreate().Bind(&hook.Handler[*core.RecordEvent]{Id: "platform.files.name.create", Priority: first, Func: nameFiles})
	k.App.OnRecordUpdate().Bind(&hook.Handler[*core.RecordEvent]{Id: "platform.files.name.update", Priority: first, Func: nameFiles})
	k.App.OnRecordCreate().Bind(&hook.Handler[*core.RecordEvent]{Id: "platform.files.create", Priority: last, Func: checkFiles})
	k.App.OnRecordUpdate().Bind(&hook.Handler[*core.RecordEvent]{Id: "platform.files.update", Priority: last, Func: checkFiles})
}

// last runs behind every hook of a module.
const last = 1000

// nameFiles gives new files names that say nothing. PocketBase keeps of the sender's what a
// name may have, and names are in addresses, in its log and in refusals: john_smith_hiv.pdf.
func nameFiles(e *core.RecordEvent) error {
	for _, f := range newFiles(e.Record) {
		r, err := f.Reader.Open()
		if err != nil {
			return err
		}
		kind, err := mimetype.DetectReader(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
		f.Name = security.RandomStringWithAlphabet(20, core.DefaultIdAlphabet) + kind.Extension()
	}
	return e.Next()
}

// checkFiles refuses pictures that are too large, and drops the names that files were sent
// with: PocketBase stores them beside each file, where no erasure would look.
func checkFiles(e *core.RecordEvent) error {
	for field, f := range newFiles(e.Record) {
		f.OriginalName = f.Name
		if tooManyPixels(f) {
			return kernel.Bad(field, "image_too_large", "The picture has too many pixels.")
		}
	}
	return e.Next()
}

// newFiles yields the files of a record that are not stored yet, with the names of their fields.
func newFiles(r *core.Record) iter.Seq2[string, *filesystem.File] {
	return func(yield func(string, *filesystem.File) bool) {
		for _, field := range r.Collection().Fields {
			if field.Type() != core.FieldTypeFile {
				continue
			}
			for _, f := range r.GetUnsavedFiles(field.GetName()) {
				if !yield(field.GetName(), f) {
					return
				}
			}
		}
	}
}

func tooManyPixels(f *filesystem.File) bool {
	r, err := f.Reader.Open()
	if err != nil {
		return true
	}
	defer r.Close()
	c, _, err := image.DecodeConfig(r)
	return err == nil && int64(c.Width)*int64(c.Height) > maxPixels
}
