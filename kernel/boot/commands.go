package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

func modulesCommand(k *kernel.Kernel) *cobra.Command {
	return &cobra.Command{
		Use: "modules", Short: "List the modules in this build", Annotations: map[string]string{kernel.Offline: "yes"},
		Run: func(c *cobra.Command, _ []string) {
			for _, m := range k.Modules {
				state := ""
				if k.Disabled[m.Name] {
					state = " (off)"
				}
				fmt.Fprintf(c.OutOrStdout(), "%-14s %s%s\n", m.Name, m.Doc, state)
			}
		},
	}
}

// versionCommand says what is running, and of what it is made.
func versionCommand(k *kernel.Kernel) *cobra.Command {
	c := &cobra.Command{
		Use: "version", Short: "Print the version, or everything that is in this build", Annotations: map[string]string{kernel.Offline: "yes"},
		Args: cobra.NoArgs,
	}
	sbom := c.Flags().Bool("sbom", false, "print the bill of materials: CycloneDX 1.6, JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !*sbom {
			_, err := fmt.Fprintf(c.OutOrStdout(), "polyclinic version %s\n", Version)
			return err
		}
		info, ok := debug.ReadBuildInfo()
		if !ok {
			return errors.New("this program was built without its list of modules")
		}
		doc, err := materials(info, Version, kernel.All[kernel.Vendored](k))
		if err != nil {
			return err
		}
		e := json.NewEncoder(c.OutOrStdout())
		e.SetIndent("", "  ")
		return e.Encode(doc)
	}
	return c
}

func configCommand(k *kernel.Kernel) *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "Print the environment variables that are read, and their values", Annotations: map[string]string{kernel.Offline: "yes"},
		Run: func(c *cobra.Command, _ []string) {
			for _, m := range k.Modules {
				for _, s := range m.Settings {
					v := s.Value()
					if s.Secret && v != "" {
						v = "(set)"
					}
					fmt.Fprintf(c.OutOrStdout(), "%s=%s\n    %s\n", s.Name, v, s.Doc)
				}
			}
		},
	}
}

// healthCommand asks a running server how it is, for a container that has no curl. It exits
// with 1 when the server does not answer.
func healthCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "health", Short: "Ask the running server whether it is well", Annotations: map[string]string{kernel.Offline: "yes"},
		Args: cobra.NoArgs,
	}
	addr := c.Flags().String("http", "127.0.0.1:8090", "address that the server listens on")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := health(c.Context(), *addr); err != nil {
			return err
		}
		_, err := fmt.Fprintln(c.OutOrStdout(), "well")
		return err
	}
	return c
}

// healthTimeout is less than what a container's health check waits.
const healthTimeout = 5 * time.Second

func health(ctx context.Context, addr string) error {
	if ctx == nil {
		ctx = context.Background()
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("--http %s: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1" // listening everywhere is listening here
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/api/health", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no answer from %s: %w", addr, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not well: %s", addr, res.Status)
	}
	return nil
}
