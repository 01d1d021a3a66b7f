package auth

import (
	"strings"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// Complete names what else is wrong with a registration that is refused already.
func (in Registration) Complete(c *kernel.Call) error {
	in.Name, in.Email = strings.TrimSpace(in.Name), tidyEmail(in.Email)
	if in.Role == "" {
		in.Role = authapi.Patient.Name
	}
	return in.check(c.App)
}
