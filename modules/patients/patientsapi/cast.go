// Package patientsapi is what siblings may know of the patient register.
package patientsapi

// Patients of the cast, see authapi.Cast.
const (
	Ada = "patada000000001"
	Bob = "patbob000000002"
)
