package boot

import (
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/fatih/color"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/reach"
)

// errOpenDemo is why a demo is not served to other machines by accident: its passwords are
// in the manual.
var errOpenDemo = errors.New("this data folder is a demo, whose passwords are public, and the server would be reachable from other machines: say --demo if that is meant, or listen on 127.0.0.1")

// errProxiedDemo is the same for a proxy on this machine, which a listening address does not
// tell of.
var errProxiedDemo = kernel.Fail(http.StatusForbidden, "demo_not_served", "This is a demo whose passwords are public: nobody signs in from another machine unless the server was started with --demo.")

// guardDemo says on every start that the passwords are known, and refuses to serve them
// beyond this machine unless --demo says that it is meant.
func guardDemo(k *kernel.Kernel, app core.App, said, reachable bool) error {
	mark, err := kernel.One[kernel.DemoMark](k)
	if err != nil {
		return err
	}
	is, err := mark.IsDemo(app)
	if err != nil || !is {
		return err
	}
	if reachable && !said {
		return errOpenDemo
	}
	if !said {
		refuseOthers(k, app)
	}
	color.New(color.FgYellow, color.Bold).Println("DEMO: the people in this data folder are made up and their passwords are public. Never put real patients into it.")
	return nil
}

// refuseOthers lets nobody sign in who comes through a proxy, or by a name that others know,
// nor refresh a token.
func refuseOthers(k *kernel.Kernel, app core.App) {
	app.OnRecordAuthRequest().Bind(&hook.Handler[*core.RecordAuthRequestEvent]{Id: "boot.demo", Priority: -10000, Func: func(e *core.RecordAuthRequestEvent) error {
		if reach.ByOthers(e.Request) {
			return k.APIError(errProxiedDemo)
		}
		return e.Next()
	}})
}

// errPlain is why patients' data do not cross a network in the clear by accident.
var errPlain = errors.New("patients' data would cross the network unencrypted: give serve a domain (polyclinic serve clinic.example.org), or listen on 127.0.0.1 behind a proxy that has TLS; where that proxy is on another machine or in another container, say --behind-proxy")

// guardAddresses names an address that is none, ahead of the guards that judge by them.
func guardAddresses(c *cobra.Command) error {
	for _, flag := range []string{"http", "https"} {
		f := c.Flags().Lookup(flag)
		if f == nil || f.Value.String() == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(f.Value.String()); err != nil {
			return fmt.Errorf("--%s takes an address and a port, such as 127.0.0.1:8090, and is %q", flag, f.Value.String())
		}
	}
	return nil
}

// guardPlain refuses to serve plain HTTP to other machines unless that is said, or the people
// are made up.
func guardPlain(c *cobra.Command, domains []string, said bool) error {
	if said || len(domains) > 0 || !isReachable(c, domains) {
		return nil
	}
	if f := c.Flags().Lookup("https"); f != nil && f.Value.String() != "" {
		return nil // HTTP only leads there
	}
	return errPlain
}

// isReachable reports whether serve, as it was called, listens beyond loopback. Domains are
// served on every address of the machine.
func isReachable(c *cobra.Command, domains []string) bool {
	if len(domains) > 0 {
		return true
	}
	for _, flag := range []string{"http", "https"} {
		f := c.Flags().Lookup(flag)
		if f != nil && f.Value.String() != "" && !reach.Loopback(f.Value.String()) {
			return true
		}
	}
	return false // PocketBase's default is 127.0.0.1:8090
}
