package staffapi

import (
	"strings"
	"unicode"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// CheckContact returns the error of a field "contact" that nobody could be reached by: it
// must be one line with a phone or extension number, or an address with @. Empty is fine.
func CheckContact(contact string) *kernel.Error {
	digits := 0
	for _, r := range contact {
		if unicode.IsControl(r) {
			return kernel.Bad("contact", "validation_invalid_contact", "Must be one line of text.")
		}
		if unicode.IsDigit(r) {
			digits++
		}
	}
	if contact != "" && digits < 2 && !strings.Contains(contact, "@") {
		return kernel.Bad("contact", "validation_invalid_contact", "Must be a phone number or an e-mail address.")
	}
	return nil
}
