package boot

import "github.com/spf13/cobra"

// served returns the URL at which serve, as it was called, will listen; the lock file keeps it
// for `polyclinic check`.
func served(c *cobra.Command, domains []string) string {
	value := func(flag string) string {
		if f := c.Flags().Lookup(flag); f != nil {
			return f.Value.String()
		}
		return ""
	}
	switch {
	case value("https") != "":
		return "https://" + value("https")
	case len(domains) > 0:
		return "https://" + domains[0]
	case value("http") == "":
		return "http://127.0.0.1:8090" // PocketBase's default
	}
	return "http://" + value("http")
}
