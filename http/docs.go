package http

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/http/record"
)

//go:embed docs.html
var docsHTML string

// docs answers with the page at /docs, which is made when somebody first asks.
func docs(api *huma.OpenAPI) http.HandlerFunc {
	page := sync.OnceValues(func() ([]byte, error) { return docsPage(api) })
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := page()
		if err != nil {
			record.Fail(r.Context(), fmt.Errorf("writing the API's page: %w", err))
			problem.New(http.StatusInternalServerError, "the page could not be written").Write(w)
			return
		}
		static("text/html; charset=utf-8", text)(w, r)
	}
}

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
