package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/backup/backupapi"
)

// keyParts are what the key of second factors has to say to checks and backups.
var keyParts = []any{keyCheck, keyRemains, backupapi.Part{Name: keyFile, Secret: true, Copy: copyKey, Needs: missingKey}}

// copyKey puts the key's file into an encrypted backup: whoever can open that may have it. There
// is none where the setting has the key.
func copyKey(app core.App, dir string) error {
	raw, err := os.ReadFile(filepath.Join(app.DataDir(), keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, keyFile), raw, 0o600)
}

// missingKey is backupapi.Part.Needs.
func missingKey(dir string) (string, error) {
	ring, err := keysIn(dir)
	if err != nil {
		return "", err
	}
	db, err := dbx.Open("sqlite", filepath.Join(dir, "data.db"))
	if err != nil {
		return "", err
	}
	defer db.Close()
	var there int
	err = db.Select("count(*)").From("sqlite_master").Where(dbx.HashExp{"type": "table", "name": "authenticators"}).Row(&there)
	if err != nil || there == 0 {
		return "", err
	}
	lost := map[string]bool{}
	err = eachSealed(db, func(_, _ string, v sealed) error {
		if !strings.HasPrefix(v.Text, sealMark) {
			return nil
		}
		if _, err := ring.open(v.UserID, v.Text); errors.Is(err, errOtherKey) {
			lost[v.UserID] = true
		}
		return nil
	})
	if err != nil || len(lost) == 0 {
		return "", err
	}
	return fmt.Sprintf("the key of the second factors of %d accounts. Set %s as the clinic has it, or copy %s from its data folder; without it an administrator takes those second factors off (polyclinic admin reset EMAIL).", len(lost), secretsKey.Name, keyFile), nil
}

// keyRemains is kernel.Remains: the file is made at the first start.
var keyRemains kernel.Remains = func(dataDir string) string {
	if _, err := os.Lstat(filepath.Join(dataDir, keyFile)); err != nil {
		return ""
	}
	return keyFile
}
