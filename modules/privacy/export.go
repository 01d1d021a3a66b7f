package privacy

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// manifest says what is in an export, so that the receiver can tell that it is whole.
type manifest struct {
	PatientID   string    `json:"patientId"`
	GeneratedAt time.Time `json:"generatedAt"`
	Files       []entry   `json:"files"`
}

// entry is one file of an export. Rows is of JSON files, Collection of attachments too.
type entry struct {
	Name       string `json:"name"`
	Collection string `json:"collection"`
	Doc        string `json:"doc,omitempty"`
	Rows       int    `json:"rows,omitempty"`
	Size       int64  `json:"size"`
	SHA256     string `json:"sha256"`
}

// exporter writes one patient's everything into a zip.
type exporter struct {
	app    core.App
	zip    *zip.Writer
	files  *filesystem.System
	params dbx.Params
	out    manifest
}

// Export writes everything that the parts of all modules hold of the patient: a JSON file
// for each collection, the attached files, and manifest.json with their SHA-256.
func Export(app core.App, patient *core.Record, w io.Writer) error {
	files, err := app.NewFilesystem()
	if err != nil {
		return fmt.Errorf("export of a patient: %w", err)
	}
	defer files.Close()
	params, err := paramsOf(app, patient)
	if err != nil {
		return err
	}
	x := &exporter{
		app: app, zip: zip.NewWriter(w), files: files, params: params,
		out: manifest{PatientID: patient.Id, GeneratedAt: time.Now().UTC()},
	}
	for _, p := range kernel.All[privacyapi.Part](kernel.Of(app)) {
		if err := x.part(p); err != nil {
			return fmt.Errorf("export of a patient: %s: %w", p.Collection, err)
		}
	}
	raw, err := json.MarshalIndent(x.out, "", "  ")
	if err != nil {
		return err
	}
	f, err := x.zip.Create("manifest.json")
	if err != nil {
		return err
	}
	if _, err := f.Write(raw); err != nil {
		return err
	}
	return x.zip.Close()
}

// paramsOf are what a Part's Where may name. Of somebody who was a patient and now works
// here the account is not the patient's: its messages are the clinic's.
func paramsOf(app core.App, patient *core.Record) (dbx.Params, error) {
	params := dbx.Params{"patient": patient.Id, "account": ""}
	account, err := accountOf(app, patient)
	if account != nil {
		params["account"] = account.Id
	}
	return params, err
}

// accountOf returns the account that the patient has as a patient, nil when there is none.
func accountOf(app core.App, patient *core.Record) (*core.Record, error) {
	id := patient.GetString("userId")
	if id == "" {
		return nil, nil
	}
	r, err := app.FindRecordById(kernel.AccountsCollection, id)
	if err != nil {
		return nil, fmt.Errorf("account of a patient: %w", err)
	}
	if !authapi.Patient.Has(r) {
		return nil, nil
	}
	return r, nil
}

// condition is a Part's Where for a query.
func condition(p privacyapi.Part, params dbx.Params) dbx.Expression {
	return dbx.NewExp("("+p.Where+")", params)
}

func (x *exporter) part(p privacyapi.Part) error {
	var records []*core.Record
	if err := x.app.RecordQuery(p.Collection).AndWhere(condition(p, x.params)).OrderBy("_rowid_").All(&records); err != nil {
		return err
	}
	rows := make([]map[string]any, 0, len(records))
	for _, r := range records {
		r.IgnoreEmailVisibility(true) // their own
		row := r.PublicExport()
		for _, name := range append([]string{kernel.SearchColumn}, p.Omit...) {
			delete(row, name)
		}
		rows = append(rows, row)
	}
	raw, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	err = x.add(entry{Name: p.Collection + ".json", Collection: p.Collection, Doc: p.Doc, Rows: len(rows)}, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := x.attached(r); err != nil {
			return err
		}
	}
	return nil
}

// attached adds the files of a record.
func (x *exporter) attached(r *core.Record) error {
	for _, f := range r.Collection().Fields {
		if f.Type() != core.FieldTypeFile {
			continue
		}
		for _, name := range r.GetStringSlice(f.GetName()) {
			in, err := x.files.GetReader(r.BaseFilesPath() + "/" + name)
			if err != nil {
				return err
			}
			err = x.add(entry{Name: "files/" + r.Collection().Name + "/" + r.Id + "/" + name, Collection: r.Collection().Name}, func(w io.Writer) error {
				_, err := io.Copy(w, in)
				return err
			})
			_ = in.Close() // it was read to its end or the export fails
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exporter) add(e entry, write func(io.Writer) error) error {
	f, err := x.zip.Create(e.Name)
	if err != nil {
		return err
	}
	sum, size := sha256.New(), new(counter)
	if err := write(io.MultiWriter(f, sum, size)); err != nil {
		return err
	}
	e.Size, e.SHA256 = int64(*size), hex.EncodeToString(sum.Sum(nil))
	x.out.Files = append(x.out.Files, e)
	return nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

var ownPatient = kernel.Rule{Name: "own", Filter: "userId = @request.auth.id"}

var exportRoute = kernel.Op(kernel.Route{
	Method: http.MethodGet, Path: "/api/patients/{id}/export", Record: "patients", Raw: "application/zip",
	Allow:   kernel.Allow(authapi.Admin.Always(), authapi.Patient.When(ownPatient)),
	Summary: "Download everything that the clinic holds of a patient",
}, func(c *kernel.Call, _ kernel.Nothing) (kernel.Nothing, error) {
	// Into a file first: an export that fails half way must not look like a whole one.
	f, err := os.CreateTemp("", "polyclinic-export-*")
	if err != nil {
		return kernel.Nothing{}, err
	}
	defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }()
	if err := Export(c.App, c.Record, f); err != nil {
		return kernel.Nothing{}, err
	}
	if err := recordExport(c.App, c.Record.Id); err != nil {
		return kernel.Nothing{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return kernel.Nothing{}, err
	}
	h := c.Response.Header()
	h.Set("Content-Disposition", `attachment; filename="patient-`+c.Record.Id+`.zip"`)
	h.Set("Cache-Control", "private, no-store")
	return kernel.Nothing{}, c.Stream(http.StatusOK, "application/zip", f)
})

func recordExport(app core.App, patientID string) error {
	return auditapi.Record(app, auditapi.Entry{Action: "export", Target: "patient", Patients: []string{patientID}})
}

// patientCommand is `polyclinic patient export ID`.
func patientCommand(k *kernel.Kernel) *cobra.Command {
	parent := &cobra.Command{Use: "patient", Short: "What a patient may ask of the clinic"}
	export := &cobra.Command{Use: "export ID", Short: "Write everything that the clinic holds of a patient into a zip", Args: cobra.ExactArgs(1)}
	to := export.Flags().String("out", "", "file to write, patient-ID.zip by default; it must not exist")
	export.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := k.App.FindRecordById("patients", args[0])
		if err != nil {
			return fmt.Errorf("there is no patient with the id %s", args[0])
		}
		if *to == "" {
			*to = "patient-" + r.Id + ".zip"
		}
		f, err := os.OpenFile(*to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if err = Export(k.App, r, f); err == nil {
			err = recordExport(k.App, r.Id)
		}
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			_ = os.Remove(*to) // half an export is none
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), *to)
		return err
	}
	parent.AddCommand(export)
	return parent
}

// checkParts stops the start when a part is not what it says.
func checkParts(k *kernel.Kernel) error {
	var seen []string
	for _, p := range kernel.All[privacyapi.Part](k) {
		if _, owned := k.AccessOf(p.Collection); !owned || p.Where == "" || slices.Contains(seen, p.Collection) {
			return fmt.Errorf("privacy part of %q: it needs a module's collection, once, and a condition", p.Collection)
		}
		seen = append(seen, p.Collection)
	}
	return nil
}
