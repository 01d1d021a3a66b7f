package main

import (
	"slices"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// An imported register has patients and doctors, and no account: it is no place for a demo.
func TestADemoKnowsWhereThePeopleAre(t *testing.T) {
	k, err := kernel.New(modules())
	if err != nil {
		t.Fatal(err)
	}
	known := kernel.All[kernel.People](k)
	for _, collection := range []kernel.People{"patients", "doctors", "nurses", "staff"} {
		if !slices.Contains(known, collection) {
			t.Errorf("a demo would be put among the %s of a real clinic", collection)
		}
	}
}
