package kernel

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

type object = map[string]any

// OpenAPI returns the OpenAPI 3.1 document of every documented path that is switched on:
// bodies, answers, errors and who may call. Fields are those that app has now, so what a
// site added (x_…) is in it.
func (k *Kernel) OpenAPI(app core.App, version string) (object, error) {
	doc := &openapi{k: k, app: app, paths: map[string]object{}, schemas: object{
		"Error": object{
			"type": "object", "required": []string{"status", "message", "data"},
			"properties": object{
				"status": object{"type": "integer"}, "message": object{"type": "string"},
				"data": object{"type": "object", "description": "by input field, or \"error\" when none is to blame", "additionalProperties": object{
					"type": "object", "properties": object{"code": object{"type": "string"}, "message": object{"type": "string"}},
				}},
			},
		},
	}}
	var tags []any
	for _, m := range k.Modules {
		if k.Disabled[m.Name] || len(m.Resources)+len(m.Routes) == 0 {
			continue
		}
		tags = append(tags, object{"name": m.Name, "description": m.Doc})
		for _, r := range m.Resources {
			if err := doc.resource(m, r); err != nil {
				return nil, err
			}
		}
		for _, r := range m.Routes {
			if err := doc.route(m, r); err != nil {
				return nil, err
			}
		}
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Polyclinic", "version": version, "license": object{"name": "MIT", "identifier": "MIT"},
			"description": "Every POST takes an Idempotency-Key; every PUT takes If-Match with the record's `updated`. The same records are at PocketBase's own API under the collection's name, under the same rules.",
		},
		"tags": tags, "paths": doc.paths,
		"components": object{
			"schemas": doc.schemas,
			"securitySchemes": object{
				"token": object{"type": "http", "scheme": "bearer", "description": "The token of POST /api/auth/login, or of PocketBase's own sign-in."},
			},
		},
	}, nil
}

type openapi struct {
	k       *Kernel
	app     core.App
	paths   map[string]object
	schemas object
}

func (d *openapi) add(method, path string, op object) {
	if d.paths[path] == nil {
		d.paths[path] = object{}
	}
	d.paths[path][strings.ToLower(method)] = op
}

// resource adds the documented verbs of one collection.
func (d *openapi) resource(m Module, r Resource) error {
	c, err := d.app.FindCollectionByNameOrId(r.Collection)
	if err != nil {
		return err
	}
	a := d.k.access[r.Collection]
	d.schemas[c.Name] = recordSchema(c, a, View)
	for _, v := range Verbs {
		if !r.Has(v) || (v == View && r.ListBy != "") {
			continue
		}
		method, path, _ := strings.Cut(r.Pattern(v), " ")
		op := d.operation(m, string(v)+" "+r.Noun, r.Policy(a, v), resourceErrors(v, r))
		op["operationId"] = string(v) + "-" + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(strings.TrimPrefix(r.Path, "/api/"))
		answers := op["responses"].(object)
		ref := object{"$ref": "#/components/schemas/" + c.Name}
		switch v {
		case List:
			op["parameters"] = append(pathParams(path), listParams(a, r)...)
			answers["200"] = jsonAnswer("A page of the list.", listSchema(ref))
		case View:
			op["parameters"] = append(pathParams(path), query("expand", "relations to include, separated by commas"), query("fields", "fields to answer with"))
			answers["200"] = jsonAnswer("The record.", ref)
		case Create:
			op["parameters"] = []any{header("Idempotency-Key", "the same key and body do nothing twice and get the first answer again, as long as the caller may see its records")}
			body := recordSchema(c, a, Create)
			for name, meaning := range r.Inputs {
				body["properties"].(object)[name] = object{"description": meaning}
			}
			op["requestBody"] = jsonBody(body)
			answers["201"] = jsonAnswer("The new record.", ref)
		case Update:
			op["parameters"] = append(pathParams(path), header("If-Match", "`updated` of the version that was read; 409 if it is stale"))
			op["requestBody"] = jsonBody(recordSchema(c, a, Update))
			answers["200"] = jsonAnswer("The record as it is now.", ref)
		case Delete:
			op["parameters"] = append(pathParams(path), header("If-Match", "`updated` of the version that was read; 409 if it is stale"))
			answers["204"] = object{"description": "Done."}
		}
		d.add(method, path, op)
	}
	return nil
}

func (d *openapi) route(m Module, r Route) error {
	op := d.operation(m, r.Summary, r.Allow, routeErrors(r))
	op["operationId"] = strings.ToLower(r.Method) + strings.NewReplacer("/api", "", "/", "-", "{", "", "}", "").Replace(r.Path)
	params := append(pathParams(r.Path), inParams(r)...)
	if r.Method == http.MethodPost {
		params = append(params, header("Idempotency-Key", "the same key and body do nothing twice and get the first answer again, as long as the caller may see its records"))
	}
	if len(params) > 0 {
		op["parameters"] = params
	}
	if s := typeSchema(r.in, true); s != nil && r.Method != http.MethodGet {
		op["requestBody"] = jsonBody(s)
	}
	answers := op["responses"].(object)
	status := strconv.Itoa(max(r.Status, http.StatusOK))
	switch {
	case r.Raw != "" && r.out == nothingType:
		answers[status] = object{"description": "The document.", "content": object{r.Raw: object{}}}
	case r.Returns != "":
		c, err := d.app.FindCollectionByNameOrId(r.Returns)
		if err != nil {
			return err
		}
		d.schemas[c.Name] = recordSchema(c, d.k.access[c.Name], View)
		answers[status] = jsonAnswer("The record.", object{"$ref": "#/components/schemas/" + c.Name})
	case r.out == nothingType:
		answers["204"] = object{"description": "Done."}
	default:
		answer := jsonAnswer("The answer.", typeSchema(r.out, false))
		if r.Raw != "" {
			answer["content"].(object)[r.Raw] = object{}
		}
		answers[status] = answer
	}
	d.add(r.Method, r.Path, op)
	return nil
}

// operation is what resources and routes have in common: who may call, and the errors.
func (d *openapi) operation(m Module, summary string, p Policy, errs []*Error) object {
	allow := object{}
	var who []string
	for _, r := range d.k.Roles() {
		cell := p.Cell(r)
		if cell != "-" {
			allow[r.Name] = cell
			who = append(who, r.Name+": "+cell)
		}
	}
	op := object{"tags": []string{m.Name}, "summary": summary, "x-allow": allow}
	if p.Public {
		op["description"] = "Open to anyone."
	} else {
		op["security"] = []any{object{"token": []string{}}}
		op["description"] = "Who may call: " + strings.Join(who, "; ") + "."
		errs = append([]*Error{ErrSignIn, ErrForbidden}, errs...)
	}
	byStatus := map[int][]string{http.StatusTooManyRequests: {"too many requests; see Retry-After"}}
	for _, e := range errs {
		line := "`" + e.Code + "`: " + e.Text
		if !slices.Contains(byStatus[e.Status], line) {
			byStatus[e.Status] = append(byStatus[e.Status], line)
		}
	}
	answers := object{}
	for status, lines := range byStatus {
		answers[strconv.Itoa(status)] = jsonAnswer(strings.Join(lines, " "), object{"$ref": "#/components/schemas/Error"})
	}
	op["responses"] = answers
	return op
}

func resourceErrors(v Verb, r Resource) []*Error {
	invalid := Fail(http.StatusBadRequest, "validation_…", "A field is not valid; data names each.")
	var errs []*Error
	switch v {
	case List:
		errs = []*Error{ErrQuery}
		if r.ListBy != "" {
			errs = append(errs, ErrNotFound)
		}
		return errs
	case View:
		return []*Error{ErrNotFound}
	case Create:
		errs = []*Error{invalid, ErrServerSet, ErrTooLarge, ErrKeyReused, ErrKeyBusy}
	case Update:
		errs = []*Error{invalid, ErrServerSet, ErrCreateOnly, ErrCounter, ErrNotFound, ErrStale, ErrTooLarge}
	case Delete:
		errs = []*Error{ErrNotFound, ErrStale}
	}
	return append(errs, r.Errors...)
}

func routeErrors(r Route) []*Error {
	errs := slices.Clone(r.Errors)
	if strings.Contains(r.Path, "{") {
		errs = append([]*Error{ErrNotFound}, errs...)
	}
	if r.Method == http.MethodPost {
		errs = append(errs, ErrBadInput, ErrTooLarge, ErrKeyReused, ErrKeyBusy)
	}
	return errs
}
