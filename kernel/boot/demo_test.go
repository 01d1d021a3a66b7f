package boot

import (
	"testing"

	"github.com/spf13/cobra"
)

func TestWhatIsReachableFromOtherMachines(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want bool // other machines reach it
		open bool // and in the clear
	}{
		{nil, false, false},
		{[]string{"--http", "127.0.0.1:8090"}, false, false},
		{[]string{"--http", "localhost:8090"}, false, false},
		{[]string{"--http", "[::1]:8090"}, false, false},
		{[]string{"--http", "127.9.9.9:1"}, false, false},
		{[]string{"--http", "0.0.0.0:8090"}, true, true},
		{[]string{"--http", ":8090"}, true, true},
		{[]string{"--http", "[::]:8090"}, true, true},
		{[]string{"--http", "192.168.1.5:8090"}, true, true},
		{[]string{"--http", "clinic.local:8090"}, true, true},
		{[]string{"--http", "127.0.0.1:80", "--https", "0.0.0.0:443"}, true, false},
		{[]string{"clinic.example.org"}, true, false},
		{[]string{"--http", "0.0.0.0:80", "clinic.example.org"}, true, false},
	} {
		var got, open bool
		c := &cobra.Command{Use: "serve", Args: cobra.ArbitraryArgs, Run: func(c *cobra.Command, args []string) {
			got, open = isReachable(c, args), guardPlain(c, args, false) != nil
		}}
		c.PersistentFlags().String("http", "", "")
		c.PersistentFlags().String("https", "", "")
		c.SetArgs(append([]string{}, tc.args...))
		if err := c.Execute(); err != nil {
			t.Fatal(err)
		}
		if got != tc.want {
			t.Errorf("%q: reachable is %v, want %v", tc.args, got, tc.want)
		}
		if open != tc.open {
			t.Errorf("%q: in the clear is %v, want %v", tc.args, open, tc.open)
		}
	}
}
