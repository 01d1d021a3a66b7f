// Package appointmentsapi is what siblings may know of the diary.
package appointmentsapi

// Appointments of the cast. Their days move with today; none of them clashes.
const (
	CastTomorrow  = "apptomorrow0001" // Ada with Dr Grace, scheduled, 10:00-10:30
	CastYesterday = "appyesterday001" // Ada with Dr Grace, completed, 09:00-09:30
	CastNextWeek  = "appnextweek0001" // Bob with Dr Omar, scheduled, 11:00-11:45
	CastCancelled = "appcancelled001" // Bob with Dr Grace, tomorrow at 10:00-10:30, cancelled
)
