package privacy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// ofTheirOwn gives collections a file field of the clinic's own.
func ofTheirOwn(t *testing.T, s *kerneltest.Server, field string, collections ...string) {
	t.Helper()
	for _, name := range collections {
		c, err := s.App.FindCollectionByNameOrId(name)
		if err != nil {
			t.Fatal(err)
		}
		c.Fields.Add(&core.FileField{Name: field, Protected: true, MaxSelect: 1})
		if err := s.App.Save(c); err != nil {
			t.Fatal(err)
		}
	}
}

// attach gives a record a file, and returns under which name it is stored.
func attach(t *testing.T, s *kerneltest.Server, collection, id, field, name string) string {
	t.Helper()
	file, err := filesystem.NewFileFromBytes([]byte("what is in "+name), name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.App.FindRecordById(collection, id)
	if err != nil {
		t.Fatal(err)
	}
	r.Set(field, file)
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	return r.GetString(field)
}

// stored is which of the names the bucket has, of the files or of thumbnails of them.
func stored(store *kerneltest.Bucket, names ...string) (out []string) {
	for _, name := range names {
		if slices.ContainsFunc(store.Names(), func(key string) bool { return strings.Contains(key, name) }) {
			out = append(out, name)
		}
	}
	return out
}

// Between the commit and the end of deleting, the storage may be away, or the server be killed.
func TestFilesOfAnErasedPatientGoThoughTheStorageWasAway(t *testing.T) {
	s := set.Start(t)
	store, remote := kerneltest.NewBucket(t)
	s.App.Settings().S3 = remote
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	ofTheirOwn(t, s, "x_photo", "patients", "messages", "medical_records")
	rec := do(t, s, omar, "POST", "/api/medical-records", `{"patientId":"`+patientsapi.Bob+`","diagnosis":"Cough"}`, 201).ID(t)
	msg := do(t, s, bob, "POST", "/api/messages", `{"receiverId":"`+authapi.Omar.ID+`","messageText":"Secret words of mine"}`, 201).ID(t)
	gone := []string{
		attach(t, s, "patients", patientsapi.Bob, "x_photo", "portrait.txt"),
		attach(t, s, "messages", msg, "x_photo", "letter.txt"),
	}
	stay := []string{
		attach(t, s, "medical_records", rec, "x_photo", "scan.txt"),
		attach(t, s, "patients", patientsapi.Ada, "x_photo", "ada.txt"),
	}
	all := slices.Concat(gone, stay)
	if got := stored(store, all...); len(got) != 4 {
		t.Fatalf("the bucket has %v", got)
	}

	store.Refuse("DELETE")
	do(t, s, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200)
	for range 20 { // until it is given up
		if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE outbox SET dueAt = '2000-01-01 00:00:00.000Z' WHERE state = 'waiting'").Execute(); err != nil {
			t.Fatal(err)
		}
		s.Kernel.Deliver()
	}
	given := func(s *kerneltest.Server) (n int) {
		t.Helper()
		if err := s.App.DB().NewQuery("SELECT count(*) FROM outbox WHERE state = 'dead' AND reaction = 'privacy.remove_files'").Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := stored(store, all...); len(got) != 4 || given(s) != 1 {
		t.Fatalf("the bucket has %v, %d given up", got, given(s))
	}
	store.Refuse("")
	back := set.StartOn(t, s.App.DataDir()) // as after a kill
	if err := runJob(t, back, "privacy", "again"); err != nil {
		t.Fatal(err)
	}
	if n := given(back); n != 0 {
		t.Errorf("%d are still given up", n)
	}
	settled(t, back)
	if got := stored(store, all...); !slices.Equal(got, stay) {
		t.Errorf("the bucket has %v", store.Names())
	}
}

// What comes to a record later is not the erased patient's.
func TestFilesThatARecordNamesStayWhenOthersOfItAreErased(t *testing.T) {
	s := set.Start(t)
	store, remote := kerneltest.NewBucket(t)
	s.App.Settings().S3 = remote
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	ofTheirOwn(t, s, "x_photo", "patients")
	portrait := attach(t, s, "patients", patientsapi.Bob, "x_photo", "portrait.txt")
	store.Refuse("DELETE")
	do(t, s, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200)
	s.Kernel.Deliver()
	later := attach(t, s, "patients", patientsapi.Bob, "x_photo", "later.txt")
	store.Refuse("")
	settled(t, s)
	if got := stored(store, portrait, later); !slices.Equal(got, []string{later}) {
		t.Errorf("the bucket has %v", store.Names())
	}
}
