package analyticsapi

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var reName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,58}$`)

// taken are the columns that the warehouse adds to every table.
var taken = []string{"site_id", "id", "extra", "h", "valid_from", "valid_to"}

// secret are fields that never leave, in whatever table.
var secret = []string{
	"password", "tokenkey", "email", "contact", "phone", "mobile", "address",
	"emergencycontact", "notes", "allergies", "userid", "sourceid", "mrn",
}

// Check reports every declaration that does not hold: names that PostgreSQL or another
// table refuses, and fields that must not leave the building.
func Check(tables []Table) error {
	var errs []error
	names, collections := map[string]bool{}, map[string]bool{}
	for _, t := range tables {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("analytics table %s: %s", t.Name, fmt.Sprintf(format, args...)))
		}
		if !reName.MatchString(t.Name) || strings.HasPrefix(t.Name, "sync_") {
			bad("the name must be snake_case and not begin with sync_")
		}
		if names[t.Name] || collections[t.Collection] {
			bad("declared twice, or its collection %s is", t.Collection)
		}
		names[t.Name], collections[t.Collection] = true, true
		if t.Doc == "" {
			bad("needs a Doc")
		}
		seen := map[string]bool{}
		for _, c := range t.Columns {
			if why := c.problem(t); why != "" || seen[c.Name] {
				bad("column %s: %s", c.Name, strings.TrimSpace(why+map[bool]string{true: " declared twice"}[seen[c.Name]]))
			}
			seen[c.Name] = true
		}
	}
	return errors.Join(errs...)
}

// problem returns what is wrong with a column, "" when nothing is.
func (c Column) problem(t Table) string {
	field := strings.ToLower(c.Field)
	switch {
	case !reName.MatchString(c.Name) || slices.Contains(taken, c.Name):
		return "the name must be snake_case and none of " + strings.Join(taken, ", ")
	case c.Field == "" || c.Field == "id":
		return "needs a Field, which is not id"
	case c.Doc == "":
		return "needs a Doc"
	case c.Present && c.Kind != Bool:
		return "only Bool has Present"
	case slices.Contains(secret, field) && !c.Present:
		return "the field " + c.Field + " never leaves the building"
	case t.Patients && field == "name":
		return "patients' names never leave the building"
	case c.Year && c.Kind != Integer:
		return "only Integer has Year"
	case field == "dateofbirth" && !c.Year && !c.Open:
		return "beside pseudonyms only the year of a birth leaves the building: Year or Open must be set"
	case field == "patientid" && !c.Patient:
		return "a patient's id: Patient must be set"
	case c.Patient && c.Kind != Text:
		return "a patient's id is text"
	case len(c.Keys) > 0 && c.Kind != JSON:
		return "only JSON has Keys"
	}
	return ""
}
