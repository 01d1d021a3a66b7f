// Package recordsapi is what siblings may know of the medical records.
package recordsapi

// Medical records of the cast: Ada's by Grace, Bob's by Omar.
const (
	Ada = "recada000000001"
	Bob = "recbob000000002"
)

// Values of a record's status.
const (
	Active         = "active"
	EnteredInError = "entered-in-error"
)
