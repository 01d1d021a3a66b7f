// Package privacyapi is what other modules say of the personal data they hold, and ask
// before they use it.
package privacyapi

import (
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Part is what one collection holds of a patient. The module that owns it lists it in
// Provides: what is in no part is neither exported nor erased.
type Part struct {
	Collection string
	Doc        string // one phrase for the manifest of an export
	// Where selects the patient's rows, in SQL. {:patient} is the patient's id, {:account}
	// the id of their account, "" where they have none.
	Where string
	Omit  []string // fields that an export leaves out, besides hidden ones

	// On erasure: the columns that are set, each to an SQL expression that may name
	// {:pseudonym}, {:number} and the column itself; and those of free text in which what
	// identifies the patient is replaced. They are emptied once nothing must be kept.
	Erase map[string]string
	Text  []string
	Files []string // file fields, removed once nothing must be kept
	// Photos are the file fields that show who somebody is: erasure removes their files.
	Photos []string
	// First, where it is set, is what an erasure does ahead of all else, in its transaction: ending
	// what is under way with the patient, while the rows still say with whom.
	First func(tx core.App, patientID string) error
	// Remove says that the law does not ask for the rows: erasure deletes them.
	Remove bool

	// Since is the SQL expression of the day or instant from which a row's years count, ""
	// where the law says nothing of how long it is kept.
	Since string
}

// Purposes that a patient can agree to or not.
const (
	Messages = "messages" // being written to
	Video    = "video"    // video calls
	Sharing  = "sharing"  // passing data on, other than for treatment and billing
	Research = "research"
)

// Purposes is every one of them.
var Purposes = []string{Messages, Video, Sharing, Research}

// ErrWithdrawn says that the patient has withdrawn the consent that a use needs.
var ErrWithdrawn = kernel.Fail(http.StatusForbidden, "consent_withdrawn", "The patient has withdrawn their consent to this.")

// Consents tells what patients agreed to. The privacy module provides it.
type Consents interface {
	// Withdrawn reports whether the last thing that the patient said of the purpose is no.
	Withdrawn(app core.App, patientID, purpose string) (bool, error)
}

// Ask returns ErrWithdrawn when the patient has withdrawn their consent to the purpose. A
// patient who never said anything has withdrawn nothing: treatment does not rest on
// consent.
func Ask(app core.App, patientID, purpose string) error {
	for _, c := range kernel.All[Consents](kernel.Of(app)) {
		no, err := c.Withdrawn(app, patientID, purpose)
		if err != nil {
			return err
		}
		if no {
			return ErrWithdrawn
		}
	}
	return nil
}

// ErrRestricted says that nothing is to be done with the patient's data but by those whom the
// restriction leaves.
var ErrRestricted = kernel.Fail(http.StatusConflict, "restricted", "The use of this patient's data is restricted: they may be read, and changed by an administrator only.")

// Restrictions tells what may be done with patients' data. The privacy module provides it, and
// holds writes to it by itself: it is asked for a use that writes nothing.
type Restrictions interface {
	// MayUse returns ErrRestricted unless the account may use the patient's data.
	MayUse(app core.App, patientID, accountID string) error
}

// MayUse returns ErrRestricted when the use of the patient's data is restricted, and the account
// is neither an admin's nor a patient's.
func MayUse(app core.App, patientID, accountID string) error {
	for _, r := range kernel.All[Restrictions](kernel.Of(app)) {
		if err := r.MayUse(app, patientID, accountID); err != nil {
			return err
		}
	}
	return nil
}

// GlassBrokenV1 says that a doctor opened a patient outside of their care.
type GlassBrokenV1 struct {
	BreakGlassID string    `json:"breakGlassId"`
	PatientID    string    `json:"patientId"`
	AccountID    string    `json:"accountId"`
	ExpiresAt    time.Time `json:"expiresAt"`
}

// RestrictedV1 says that the use of a patient's data was restricted, or is not any more.
type RestrictedV1 struct {
	PatientID  string `json:"patientId"`
	Restricted bool   `json:"restricted"`
}

// ErasedV1 says that what identified a patient was erased: copies elsewhere must follow.
type ErasedV1 struct {
	PatientID string `json:"patientId"`
	Pseudonym string `json:"pseudonym"`
	// Folders are those of the storage, as "collection id/record id", with files that their
	// records do not name any more.
	Folders []string `json:"folders,omitempty"`
}

// Events of the module, emitted in the transaction of what they tell.
var (
	GlassBroken = kernel.Event[GlassBrokenV1]{Name: "privacy.glass_broken.v1"}
	Restricted  = kernel.Event[RestrictedV1]{Name: "privacy.restricted.v1"}
	Erased      = kernel.Event[ErasedV1]{Name: "privacy.erased.v1"}
)

// ErasuresList is the name of the list of erasures, beside backups.
const ErasuresList = "erasures.json"

// Restored sees to it that who was erased stays so through a restore of an older backup. The
// privacy module provides it.
type Restored interface {
	// Outlive notes in the restored data folder dir, which nobody uses yet, whom the first start
	// has to erase again. from is a list of erasures, or the former data folder, which is not
	// changed. It returns what to tell whoever restores; an error where from cannot be taken.
	Outlive(dir, from string, backup time.Time) (said string, err error)
}
