package staff

import (
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// kind is one of the three sorts of profile, which differ in few fields.
type kind struct {
	collection, noun, doc string
	role                  kernel.Role
	fields                []string // text fields that only this kind has, all queryable
}

var kinds = []kind{
	{"doctors", "doctor", "The clinic's doctors.", authapi.Doctor, []string{"specialty"}},
	{"nurses", "nurse", "The clinic's nurses.", authapi.Nurse, []string{"department"}},
	{"staff", "member of staff", "Reception, cashiers, pharmacy and other staff.", authapi.Staff, []string{}},
}

var admins = kernel.Allow(authapi.Admin.Always())

func (k kind) access() kernel.Access {
	queryable := append([]string{"name", "contact", "email", "userId"}, k.fields...)
	serverSet := []string{"deletedAt", "sourceId"}
	switch k.collection {
	case "doctors":
		queryable = append(queryable, "consultationFee")
		serverSet = append(serverSet, "consultationFeeMinor")
	case "staff":
		queryable = append(queryable, "duty")
	}
	return kernel.Access{
		Collection: k.collection, Doc: k.doc,
		List: kernel.SignedIn(), View: kernel.SignedIn(), Create: admins, Update: admins, Delete: admins,
		ServerSet: serverSet, SoftDelete: "deletedAt", Queryable: queryable,
	}
}

func (k kind) resource() kernel.Resource {
	return kernel.Resource{
		Inputs: map[string]string{"password": "with email: an account is made too"},
		Path:   "/api/" + k.collection, Collection: k.collection, Noun: k.noun, Sort: "name",
		Search: append([]string{"name", "contact"}, k.fields...),
		Errors: []*kernel.Error{errNeeded},
	}
}
