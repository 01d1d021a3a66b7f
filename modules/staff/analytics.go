package staff

import a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"

// warehouse is what of the staff's profiles leaves the building. Doctors' names do: figures
// are shown by doctor.
var warehouse = []a.Table{
	{
		Collection: "doctors", Name: "doctors", Doc: "The clinic's doctors.",
		Columns: append([]a.Column{
			{Name: "name", Field: "name", Kind: a.Text, Doc: "The doctor's name."},
			{Name: "specialty", Field: "specialty", Kind: a.Text, Doc: "The doctor's specialty."},
			{Name: "hours", Field: "hours", Kind: a.JSON, Doc: "The hours in which the doctor sees patients, as the diary has them."},
		}, profileTimes...),
	},
	{
		Collection: "nurses", Name: "nurses", Doc: "The clinic's nurses, without names.",
		Columns: append([]a.Column{
			{Name: "department", Field: "department", Kind: a.Text, Doc: "Where the nurse works."},
		}, profileTimes...),
	},
	{
		Collection: "staff", Name: "staff", Doc: "Reception, cashiers and pharmacy, without names.",
		Columns: append([]a.Column{
			{Name: "duty", Field: "duty", Kind: a.JSON, Doc: "List of reception, cashier, pharmacy."},
		}, profileTimes...),
	},
}

var profileTimes = []a.Column{
	{Name: "deleted_at", Field: "deletedAt", Kind: a.Time, Doc: "When the person left."},
	{Name: "created", Field: "created", Kind: a.Time, Doc: "When the row was made."},
	{Name: "updated", Field: "updated", Kind: a.Time, Doc: "When the row was last changed."},
}
