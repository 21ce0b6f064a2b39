package http

import (
	"bytes"
	_ "embed"
	"html/template"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsHTML string

// docsPage returns the page at /docs: the API's operations, from the same
// description as /openapi.json, without anything from elsewhere.
func docsPage(api *huma.OpenAPI) ([]byte, error) {
	var operations []*huma.Operation
	for _, path := range api.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Patch, path.Delete} {
			if op != nil {
				operations = append(operations, op)
			}
		}
	}
	slices.SortFunc(operations, func(a, b *huma.Operation) int {
		return strings.Compare(a.Path+a.Method, b.Path+b.Method)
	})
	page, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{"Info": api.Info, "Operations": operations})
	return out.Bytes(), err
}
