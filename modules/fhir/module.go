// Package fhir reads FHIR R4 data into the clinic's records. What becomes of a resource is
// for the modules to say that own the records, see fhirapi.Importer; this package names no
// collection of theirs.
package fhir

import (
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// Module declares the import of FHIR data.
func Module() kernel.Module {
	return kernel.Module{
		Name: "fhir", Doc: "Imports FHIR R4 data.",
		Requires:   []string{"clinic", "exchange"},
		Migrations: migrations,
		Provides:   []any{exchangeapi.Command{Under: exchangeapi.Import, New: command}},
		Bind: func(k *kernel.Kernel) error {
			_, err := newPlan(k)
			return err
		},
	}
}
