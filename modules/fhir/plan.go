package fhir

import (
	"errors"
	"fmt"
	"slices"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// plan is what the modules contribute, in the order in which their collections are filled.
type plan struct {
	order  []fhirapi.Importer
	byType map[string]fhirapi.Importer
	reads  map[string]bool // types that some importer looks at, without making anything of them
}

// newPlan returns every problem of the contributions at once.
func newPlan(k *kernel.Kernel) (*plan, error) {
	p := &plan{byType: map[string]fhirapi.Importer{}, reads: map[string]bool{}}
	var errs []error
	all := slices.DeleteFunc(kernel.All[fhirapi.Importer](k), func(im fhirapi.Importer) bool { return k.Off(im.Collection) })
	for _, im := range all {
		if im.Collection == "" || im.Map == nil || len(im.Types) == 0 {
			errs = append(errs, fmt.Errorf("FHIR importer of %q: Collection, Types and Map are needed", im.Collection))
		}
		for _, kind := range im.Reads {
			p.reads[kind] = true
		}
		for _, kind := range im.Types {
			if other, taken := p.byType[kind]; taken {
				errs = append(errs, fmt.Errorf("FHIR type %s: imported into %s and %s", kind, other.Collection, im.Collection))
			}
			p.byType[kind] = im
		}
	}
	done := map[string]bool{}
	for len(all) > 0 {
		// A collection that no module fills is not waited for: a build may leave it out.
		at := slices.IndexFunc(all, func(im fhirapi.Importer) bool {
			return !slices.ContainsFunc(all, func(other fhirapi.Importer) bool {
				return slices.Contains(im.After, other.Collection) && !done[other.Collection]
			})
		})
		if at < 0 {
			return nil, errors.Join(append(errs, errors.New("FHIR importers wait for each other in a circle"))...)
		}
		done[all[at].Collection] = true
		p.order = append(p.order, all[at])
		all = slices.Delete(all, at, at+1)
	}
	return p, errors.Join(errs...)
}
