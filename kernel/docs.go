package kernel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// Matrix renders who may do what as a Markdown table, one row per thing a caller can do.
// Cells are "any", the names of rules, "public" or "-".
func (k *Kernel) Matrix() string {
	var b strings.Builder
	b.WriteString("# Access matrix\n\nGenerated from the declarations. `any`: every record; a name: the records of that rule, see below; `-`: not at all.\nSuperusers (PocketBase's own accounts) operate the machine and pass everything; they are not a role.\n\n| module | action |")
	roles := k.Roles()
	for _, r := range roles {
		fmt.Fprintf(&b, " %s |", r.Name)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(roles)) + "\n")
	rules, strict := map[string]string{}, map[string]string{}
	row := func(m, action string, p Policy) {
		fmt.Fprintf(&b, "| %s | %s |", m, action)
		for _, r := range roles {
			fmt.Fprintf(&b, " %s |", p.Cell(r))
		}
		b.WriteString("\n")
		if p.Rule.Name != "" {
			rules[m+": "+p.Rule.Name] = p.Rule.Filter
		}
		for _, g := range p.Grants {
			if g.Rule.Name != "" {
				rules[m+": "+g.Rule.Name] = g.Rule.Filter
			}
			if g.Rule.Strict != "" {
				strict[m+": "+action+", "+g.Role.Name] = g.Rule.Strict
			}
		}
	}
	for _, m := range k.Modules {
		for _, a := range m.Access {
			for _, v := range Verbs {
				row(m.Name, string(v)+" `"+a.Collection+"`", a.policy(v))
			}
		}
		for _, r := range m.Resources {
			if !r.Allow.Locked() {
				row(m.Name, "`"+r.Pattern(List)+"`", r.Allow)
			}
		}
		for _, r := range m.Routes {
			row(m.Name, "`"+r.Pattern()+"`", r.Allow)
		}
	}
	b.WriteString("\n## Rules\n\n| rule | filter |\n|---|---|\n")
	for _, name := range sortedKeys(rules) {
		fmt.Fprintf(&b, "| %s | `%s` |\n", name, strings.ReplaceAll(rules[name], "|", `\|`))
	}
	if len(strict) > 0 {
		b.WriteString("\n## While strict access is on\n\nThese take the place of what the table above says.\n\n| who does what | filter |\n|---|---|\n")
		for _, name := range sortedKeys(strict) {
			fmt.Fprintf(&b, "| %s | `%s` |\n", name, strings.ReplaceAll(strict[name], "|", `\|`))
		}
	}
	b.WriteString("\n## Fields\n\n| collection | only the server sets | set at creation only | may be queried | may be changed by |\n|---|---|---|---|---|\n")
	for _, m := range k.Modules {
		for _, a := range m.Access {
			var writable []string
			for _, role := range sortedKeys(a.Writable) {
				writable = append(writable, role+": "+strings.Join(a.Writable[role], ", "))
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", a.Collection, strings.Join(a.ServerSet, ", "), strings.Join(a.CreateOnly, ", "), strings.Join(a.Queryable, ", "), strings.Join(writable, "; "))
		}
	}
	return b.String()
}

// RulesDoc lists every business rule in the order it runs.
func (k *Kernel) RulesDoc() string {
	var b strings.Builder
	b.WriteString("# Business rules\n\nGenerated from the declarations. Each holds on every path: documented routes, collection API, batch, dashboard, imports, jobs.\nThose of `request` need the caller and run for API requests only.\n")
	for _, m := range k.Modules {
		if len(m.Hooks) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n", m.Name)
		for _, h := range m.Hooks {
			fmt.Fprintf(&b, "- %s %s `%s`: %s\n", h.When, h.Verb, h.Collection, h.Name)
		}
	}
	return b.String()
}

// EventsDoc lists who emits what and who reacts, and the jobs.
func (k *Kernel) EventsDoc() string {
	var b strings.Builder
	b.WriteString("# Events and jobs\n\nGenerated from the declarations. Reactions run after the commit, at least once, and are retried.\n\n| event | emitted by | says | reactions |\n|---|---|---|---|\n")
	for _, m := range k.Modules {
		for _, e := range m.Emits {
			var reactions []string
			for _, o := range k.Modules {
				for _, s := range o.On {
					if s.Event == e.Name {
						reactions = append(reactions, o.Name+": "+s.Name)
					}
				}
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Name, m.Name, e.Doc, strings.Join(reactions, "<br>"))
		}
	}
	b.WriteString("\n| job | schedule (UTC) | does |\n|---|---|---|\n")
	for _, m := range k.Modules {
		for _, j := range m.Jobs {
			fmt.Fprintf(&b, "| %s.%s | `%s` | %s |\n", m.Name, j.Name, j.Spec, j.Doc)
		}
	}
	return b.String()
}

// SettingsDoc lists every environment variable that is read.
func (k *Kernel) SettingsDoc() string {
	var b strings.Builder
	b.WriteString("# Configuration\n\nGenerated from the declarations. Each variable has a twin NAME_FILE that names a file to read the value from.\nWhat PocketBase keeps in its settings (mail, S3, backups, rate limits) is changed in the dashboard; what the clinic keeps (hours, currency, sign-in rules) by `PUT /api/clinic`.\n\n| variable | module | default | meaning |\n|---|---|---|---|\n")
	for _, m := range k.Modules {
		for _, s := range m.Settings {
			secret := ""
			if s.Secret {
				secret = " (secret)"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s%s |\n", s.Name, m.Name, s.Default, s.Doc, secret)
		}
	}
	return b.String()
}

// MigrationsDoc lists every step in running order.
func (k *Kernel) MigrationsDoc() string {
	var files []string
	for _, m := range k.Migrations() {
		files = append(files, m.File)
	}
	slices.Sort(files)
	return "# Migrations\n\nGenerated from the declarations, in running order. Steps go forward only; the way back is a backup.\n\n- `" + strings.Join(files, "`\n- `") + "`\n"
}

// CollectionsDoc lists the fields of every collection that a module owns, as app has them.
func (k *Kernel) CollectionsDoc(app core.App) (string, error) {
	var b strings.Builder
	b.WriteString("# Collections\n\nGenerated from the migrated schema.\n")
	for _, m := range k.Modules {
		for _, a := range m.Access {
			c, err := app.FindCollectionByNameOrId(a.Collection)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "\n## %s\n\nModule %s. %s\n\n| field | type | |\n|---|---|---|\n", c.Name, m.Name, a.Doc)
			for _, f := range c.Fields {
				if strings.HasPrefix(f.GetName(), "x_") {
					continue
				}
				fmt.Fprintf(&b, "| %s | %s | %s |\n", f.GetName(), fieldDoc(app, f), strings.Join(fieldNotes(a, f), ", "))
			}
			for _, idx := range c.Indexes {
				fmt.Fprintf(&b, "\n`%s`\n", strings.Join(strings.Fields(idx), " "))
			}
		}
	}
	return b.String(), nil
}

func fieldDoc(app core.App, f core.Field) string {
	switch f := f.(type) {
	case *core.RelationField:
		if target, err := app.FindCollectionByNameOrId(f.CollectionId); err == nil {
			return "relation to " + target.Name
		}
	case *core.SelectField:
		return "select: " + strings.Join(f.Values, ", ")
	}
	return f.Type()
}

func fieldNotes(a Access, f core.Field) (notes []string) {
	if f.GetHidden() {
		notes = append(notes, "hidden")
	}
	if isRequired(f) {
		notes = append(notes, "required")
	}
	if slices.Contains(a.ServerSet, f.GetName()) {
		notes = append(notes, "server")
	}
	return notes
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}
