package kernel

import "github.com/pocketbase/pocketbase/core"

// Check looks at one thing that may be set up badly, or go wrong while the clinic runs.
// Modules list theirs in Provides; `polyclinic check` and the server's health run them all.
type Check struct {
	Name string // such as "backups": ^[a-z][a-z0-9-]*$
	Doc  string // what it looks at, one sentence
	// Run returns what it found, nothing when all is well. It asks no network and returns
	// within a second: health runs it while people wait.
	Run func(app core.App) []Finding
}

// Finding is one thing that a person should see to. Its text names no patient.
type Finding struct {
	Code  string `json:"code" doc:"what programs go by, such as backup_none"`
	Level Level  `json:"level" doc:"alarm: something fails now · risk: an insecure or unsafe setting · note: worth knowing"`
	Text  string `json:"text" doc:"one sentence: what is the matter and what to do"`
}

// Level says how much a finding matters.
type Level string

// The levels of findings.
const (
	Alarm Level = "alarm" // something fails now: health says so
	Risk  Level = "risk"  // an insecure or unsafe setting: `polyclinic check` exits non-zero
	Note  Level = "note"
)
