package health

import (
	"os"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// settings names environment variables that are taken without a word and do not do what somebody
// meant: those whose value is of no form that does, and those that nothing reads. It tells no value.
func settings(app core.App) (found []kernel.Finding) {
	var names []string
	for _, m := range kernel.Of(app).Modules {
		for _, s := range m.Settings {
			names = append(names, s.Name, s.Name+"_FILE")
			if _, err := s.Read(); err != nil {
				found = append(found, kernel.Finding{Level: kernel.Risk, Code: "setting_unread", Text: err.Error() + ": the server does as if " + s.Name + " were not set, or refuses what needs it."})
				continue
			}
			value := s.Value()
			if s.Wrong == nil || value == "" {
				continue
			}
			if want := s.Wrong(value); want != "" {
				found = append(found, kernel.Finding{Level: kernel.Risk, Code: "setting_wrong", Text: s.Name + " " + want + "."})
			}
		}
	}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "POLYCLINIC_") && !slices.Contains(names, name) {
			found = append(found, kernel.Finding{Level: kernel.Note, Code: "setting_unknown", Text: "Nothing reads the environment variable " + name + ": is its name misspelt? `polyclinic config` lists those that there are."})
		}
	}
	return found
}
