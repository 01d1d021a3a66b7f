// Package apidocs serves the OpenAPI document and a page to read it on.
package apidocs

import (
	"embed"
	"io/fs"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// The page is Swagger UI 5.35.0 (Apache-2.0, swagger/LICENSE) as its npm package
// swagger-ui-dist has it, so that it is readable without any outside network.
//
//go:embed swagger
var files embed.FS

var swagger = kernel.Vendored{
	Name: "swagger-ui-dist", Version: "5.35.0", License: "Apache-2.0", PURL: "pkg:npm/swagger-ui-dist@5.35.0",
	Folder: "modules/apidocs/swagger", Files: files, Patterns: []string{"swagger/swagger-ui*.js", "swagger/swagger-ui.css", "swagger/favicon-32x32.png"},
}

// csp lets Swagger UI draw its icons and styles, and load nothing from elsewhere.
const csp = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"

// Module declares the API's documentation. version is what the document says of itself.
func Module(version string) kernel.Module {
	return kernel.Module{
		Name: "apidocs", Doc: "The API's documentation: /api/docs and /api/openapi.json.",
		Routes: []kernel.Route{
			kernel.Op(kernel.Route{
				Method: "GET", Path: "/api/openapi.json", Allow: kernel.Public(), Summary: "Read this document",
			}, func(c *kernel.Call, _ kernel.Nothing) (map[string]any, error) {
				return c.K.OpenAPI(c.App, version)
			}),
		},
		Provides: []any{swagger},
		Bind:     servePage,
	}
}

func servePage(k *kernel.Kernel) error {
	page, err := fs.Sub(files, "swagger")
	if err != nil {
		return err
	}
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "apidocs: serve the page", Func: func(se *core.ServeEvent) error {
		if !k.Enabled("apidocs") {
			return se.Next()
		}
		head := func(e *core.RequestEvent) error {
			e.Response.Header().Set("Content-Security-Policy", csp)
			e.Response.Header().Set("Cache-Control", "max-age=3600")
			return e.Next()
		}
		se.Router.GET("/api/docs", func(e *core.RequestEvent) error { return e.FileFS(page, "index.html") }).BindFunc(head)
		se.Router.GET("/api/docs/{path...}", apis.Static(page, false)).BindFunc(head).Bind(apis.Gzip())
		return se.Next()
	}})
	return nil
}
