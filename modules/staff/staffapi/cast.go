// Package staffapi is what siblings may know of the people who work at the clinic.
package staffapi

// Profiles of the cast, see authapi.Cast.
const (
	Grace = "docgrace0000001"
	Omar  = "docomar00000002"
	Nia   = "nurnia000000001"
	Rosa  = "starosa00000001"
	Dana  = "stadana00000002"
	Carl  = "stacarl00000003"
	Petra = "stapetra0000004"
)
