package appointmentsapi

import "slices"

// Statuses of an appointment. Only the server sets them.
const (
	StatusScheduled  = "scheduled"
	StatusCheckedIn  = "checked-in"
	StatusInProgress = "in-progress"
	StatusCompleted  = "completed"
	StatusCancelled  = "cancelled"
	StatusNoShow     = "no-show"
)

// Live reports whether an appointment of that status occupies its slot. One that was
// completed does not: its time has gone by, or was not needed in full.
func Live(status string) bool {
	return slices.Contains([]string{StatusScheduled, StatusCheckedIn, StatusInProgress}, status)
}
