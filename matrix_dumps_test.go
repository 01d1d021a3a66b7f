package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// dumps are the commands by which data leave in the clear. One whose name says that it does
// and that is not here fails the test. {patient} is an id, {table} each table, {file} a file
// that the command writes.
var dumps = map[string][]string{
	"export csv":     {"{table}"},
	"patient export": {"{patient}", "--out", "{file}"},
	"audit export":   {},
}

var reDump = regexp.MustCompile(`export|dump|print|csv|download|extract`)

// TestExportCommandsWriteWhatIsDeclared runs each command by which data leave. Who runs one
// has the machine, but what is written is taken elsewhere: no hidden field is in it.
func TestExportCommandsWriteWhatIsDeclared(t *testing.T) {
	m := &matrix{T: t, s: set.Start(t)}
	m.send(authapi.Alma, "GET", "/api/patients", nil) // so that the trail has something to say
	words := plant(m)
	for _, path := range m.commands() {
		if _, known := dumps[path]; !known && !strings.HasPrefix(path, exchangeapi.Import+" ") && reDump.MatchString(path) {
			t.Errorf("polyclinic %s: say in dumps how it is run", path)
		}
	}
	for _, table := range kernel.All[exchangeapi.Table](m.s.Kernel) {
		text := m.dump("export csv", "{table}", table.Name)
		head, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).Read()
		if err != nil || !slices.Equal(head, append([]string{"id"}, table.Columns...)) {
			t.Errorf("export csv %s has the columns %v, declared are %v: %v", table.Name, head, table.Columns, err)
		}
		c, err := m.s.App.FindCollectionByNameOrId(table.Collection)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range table.Columns {
			// What another system called the record lets an import find it again.
			if f := c.Fields.GetByName(name); f == nil || f.GetHidden() && name != "sourceId" {
				t.Errorf("export csv %s has the column %s: it is hidden, or there is no such field", table.Name, name)
			}
		}
		n := m.written("export csv "+table.Name, text, words, func(p planted) bool {
			return p.collection == table.Collection && slices.Contains(table.Columns, p.field)
		})
		if n < 5 {
			t.Errorf("export csv %s: only %d texts were found", table.Name, n)
		}
	}
	n := m.written("patient export", zipText(t, m.dump("patient export", "{patient}", patientsapi.Ada)), words, func(p planted) bool {
		return !p.hidden && m.declared(p, export{path: "/export", id: patientsapi.Ada})
	})
	if n < 10 {
		t.Errorf("patient export: only %d texts were found", n)
	}
	trail := m.dump("audit export", "", "")
	if m.written("audit export", trail, words, func(planted) bool { return false }); !strings.Contains(trail, patientsapi.Ada) {
		t.Errorf("the trail says nothing: %.300s", trail)
	}
}

// written tells of words in what a command wrote that are not to be there.
func (m *matrix) written(by, text string, words map[string]planted, may func(planted) bool) (n int) {
	for _, word := range reWord.FindAllString(text, -1) {
		n++
		if p := words[word]; !may(p) {
			m.Errorf("%s writes %s.%s of %s", by, p.collection, p.field, p.id)
		}
	}
	return n
}

func (m *matrix) root() *cobra.Command {
	root := &cobra.Command{Use: "polyclinic"}
	for _, mod := range m.s.Kernel.Modules {
		for _, c := range mod.Commands {
			root.AddCommand(c(m.s.Kernel))
		}
	}
	return root
}

// commands returns the paths of all commands, such as "export csv".
func (m *matrix) commands() (paths []string) {
	var walk func(prefix string, c *cobra.Command)
	walk = func(prefix string, c *cobra.Command) {
		for _, sub := range c.Commands() {
			path := strings.TrimSpace(prefix + " " + sub.Name())
			if !sub.HasSubCommands() {
				paths = append(paths, path)
			}
			walk(path, sub)
		}
	}
	walk("", m.root())
	return paths
}

// dump runs a command of dumps and returns what it wrote.
func (m *matrix) dump(path, name, value string) string {
	var out bytes.Buffer
	file := filepath.Join(m.TempDir(), "out")
	args := strings.Fields(path)
	for _, a := range dumps[path] {
		switch a {
		case name:
			a = value
		case "{file}":
			a = file
		}
		args = append(args, a)
	}
	root := m.root()
	root.SetOut(&out)
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		m.Fatalf("polyclinic %s: %v", strings.Join(args, " "), err)
	}
	if raw, err := os.ReadFile(file); err == nil {
		return string(raw)
	}
	return out.String()
}
