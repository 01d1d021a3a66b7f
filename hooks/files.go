package hooks

import (
	"image"
	_ "image/gif"  // sizes of GIF uploads
	_ "image/jpeg" // sizes of JPEG uploads
	_ "image/png"  // sizes of PNG uploads

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/hook"

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
	check := func(e *core.RecordEvent) error {
		for _, f := range e.Record.Collection().Fields {
			if f.Type() != core.FieldTypeFile {
				continue
			}
			for _, file := range e.Record.GetUnsavedFiles(f.GetName()) {
				if tooManyPixels(file) {
					return kernel.Bad(f.GetName(), "image_too_large", "The picture has too many pixels.")
				}
			}
		}
		return e.Next()
	}
	k.App.OnRecordCreate().Bind(&hook.Handler[*core.RecordEvent]{Id: "platform.files.create", Func: check})
	k.App.OnRecordUpdate().Bind(&hook.Handler[*core.RecordEvent]{Id: "platform.files.update", Func: check})
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
