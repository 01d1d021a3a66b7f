package analytics

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var (
	urlSetting     = kernel.Setting{Name: "POLYCLINIC_ANALYTICS_URL", Secret: true, Doc: "postgres://role:password@host/database of the analytics warehouse. Unset, nothing is noted and nothing leaves.", Wrong: noURL}
	siteSetting    = kernel.Setting{Name: "POLYCLINIC_SITE_ID", Doc: "What the clinic is called in the warehouse: letters, digits and _ . -, at most 60. No two sites may have the same. Unset, it is drawn from when the clinic's data folder was made.", Wrong: noSite}
	keySetting     = kernel.Setting{Name: "POLYCLINIC_ANALYTICS_PSEUDONYM_KEY", Secret: true, Doc: "With it, 16 characters or more, patients' ids leave as pseudonyms. Another key makes other pseudonyms: the old ones are taken out of the warehouse, and every table is read in full.", Wrong: shortKey}
	extraSetting   = kernel.Setting{Name: "POLYCLINIC_ANALYTICS_EXTRA", Default: "off", Doc: "on: the clinic's own x_ fields of declared collections leave too, in the column extra.", Wrong: noSwitch}
	historySetting = kernel.Setting{Name: "POLYCLINIC_ANALYTICS_HISTORY", Default: "off", Doc: "on: the warehouse keeps the versions of every row, from then on, besides the present one.", Wrong: noSwitch}
	capSetting     = kernel.Setting{Name: "POLYCLINIC_ANALYTICS_LOG_CAP", Default: "2000000", Doc: "How many changed rows may wait for a warehouse that is away, some 40 bytes each. Beyond, their list is dropped and every table is read in full once it is back.", Wrong: noCap}
)

// What is wrong with a value, for checks: a server says it of itself, too.
func noURL(url string) string {
	if err := warehouse.CheckURL(url); err != nil {
		return "cannot be used, so the warehouse is not fed: " + err.Error()
	}
	return ""
}

func noSite(name string) string {
	if !reSite.MatchString(name) {
		return "must be letters, digits and _ . -, at most 60, beginning with a letter or digit: as it is, the warehouse is not fed"
	}
	return ""
}

func shortKey(key string) string {
	if len(key) < 16 {
		return "must have 16 characters or more: as it is, the warehouse is not fed"
	}
	return ""
}

func noSwitch(text string) string {
	if _, err := switched(text); err != nil {
		return "must be on or off: as it is, the warehouse is not fed"
	}
	return ""
}

func noCap(text string) string {
	if n, err := strconv.ParseInt(text, 10, 64); err != nil || n < 1 {
		return "must be a number above 0: as it is, the warehouse is not fed"
	}
	return ""
}

var settings = []kernel.Setting{urlSetting, siteSetting, keySetting, extraSetting, historySetting, capSetting}

// configured reports whether there is a warehouse. Whoever names a file for its URL wants one,
// also where the file cannot be read.
func configured() bool {
	url, err := urlSetting.Read()
	return url != "" || err != nil
}

var reSite = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$`)

// errUnset says that there is no warehouse, on the command line.
var errUnset = errors.New("the analytics warehouse is not set up: set " + urlSetting.Name + " or " + urlSetting.Name + "_FILE")

// config reads the settings and reports all that do not hold.
func config(k *kernel.Kernel) (ship.Config, error) {
	var errs []error
	c := ship.Config{App: k.App, Tables: Tables(k), URL: urlSetting.Value, Now: time.Now}
	if !configured() {
		return c, errUnset
	}
	// A key that cannot be read is not none: without one, patients would leave by their own ids.
	for _, s := range settings {
		_, err := s.Read()
		errs = append(errs, err)
	}
	errs = append(errs, analyticsapi.Check(c.Tables))
	var err error
	if c.Site, err = Site(k.App); err != nil {
		errs = append(errs, err)
	}
	if c.Holder, err = holder(k.App); err != nil {
		errs = append(errs, err)
	}
	if key := keySetting.Value(); key != "" {
		if len(key) < 16 {
			errs = append(errs, fmt.Errorf("%s is too short: want 16 characters or more", keySetting.Name))
		}
		c.Options.Key = []byte(key)
	}
	if c.Options.Extra, err = onOff(extraSetting); err != nil {
		errs = append(errs, err)
	}
	if c.History, err = onOff(historySetting); err != nil {
		errs = append(errs, err)
	}
	if c.Cap, err = strconv.ParseInt(capSetting.Value(), 10, 64); err != nil || c.Cap < 1 {
		errs = append(errs, fmt.Errorf("%s must be a number above 0", capSetting.Name))
	}
	return c, errors.Join(errs...)
}

func onOff(s kernel.Setting) (bool, error) {
	is, err := switched(s.Value())
	if err != nil {
		return false, fmt.Errorf("%s must be on or off", s.Name)
	}
	return is, nil
}

func switched(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "on", "true", "1", "yes":
		return true, nil
	case "off", "false", "0", "no", "":
		return false, nil
	}
	return false, errors.New("neither on nor off")
}

// Tables are what the modules declare.
func Tables(k *kernel.Kernel) []analyticsapi.Table { return kernel.All[analyticsapi.Table](k) }

// Site returns what the clinic is called in the warehouse. Where nobody named it, the name
// comes from when its data folder was made: no two have the same, and a restored backup
// keeps it.
func Site(app core.App) (string, error) {
	if s := siteSetting.Value(); s != "" {
		if !reSite.MatchString(s) {
			return "", fmt.Errorf("%s: want letters, digits and _ . -, at most 60, beginning with a letter or digit", siteSetting.Name)
		}
		return s, nil
	}
	at, err := made(app)
	if err != nil {
		return "", fmt.Errorf("clinic settings: %w", err)
	}
	sum := sha256.Sum256([]byte("site " + at))
	return "site-" + hex.EncodeToString(sum[:6]), nil
}

// made returns when the clinic's data folder was made. A command that verifies the audit trail
// opens no data: then data.db is only read.
func made(app core.App) (at string, err error) {
	if app.IsBootstrapped() {
		r, err := app.FindRecordById("clinic", clinicapi.RecordID)
		if err != nil {
			return "", err
		}
		return r.GetString("created"), nil
	}
	db, err := kernel.OpenToRead(filepath.Join(app.DataDir(), "data.db"))
	if err != nil {
		return "", err
	}
	err = db.QueryRow("SELECT created FROM clinic WHERE id = ?", clinicapi.RecordID).Scan(&at)
	return at, errors.Join(err, db.Close())
}

// holder names this data folder on this machine: the same after a crash, another one for a
// copy of the folder.
func holder(app core.App) (string, error) {
	dir, err := filepath.Abs(app.DataDir())
	if err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	sum := sha256.Sum256([]byte(host + "\x00" + dir))
	return hex.EncodeToString(sum[:8]), nil
}
