// Package rest speaks the dialect of PostgREST, so that Supabase's clients and
// LiteLLM's callback work unchanged against /rest/v1.
//
// A request goes through five steps: it is parsed (package parse: no schema, no
// SQL), planned against the schema, compiled to SQL under the caller's policy
// (package query), run, and rendered. Where this dialect differs from PostgREST
// on purpose, docs/supabase.md says so.
package rest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/rest/parse"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// Prefix is where the dialect lives. As behind Supabase's gateway, it is not
// part of Location.
const Prefix = "/rest/v1"

// A Handler serves the dialect. Mount it below Prefix, behind authentication.
type Handler struct {
	db      *store.DB
	maxBody int64
}

// NewHandler returns a handler whose bodies may have maxBody bytes.
func NewHandler(db *store.DB, maxBody int64) *Handler {
	if maxBody == 0 {
		maxBody = DefaultBody
	}
	return &Handler{db: db, maxBody: maxBody}
}

// DefaultBody is how many bytes a body may have: it is held in memory, since it
// is stored whole or not at all.
const DefaultBody = 64 << 20

// Preflight answers CORS preflights, which carry no key, and passes everything
// else on.
func Preflight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setCORS(w.Header(), r)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.WriteHeader(http.StatusOK)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// setCORS lets pages of any origin ask: the key is in a header that the page
// must have, not in a cookie that the browser adds.
func setCORS(h http.Header, r *http.Request) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Content-Encoding, Content-Location, Content-Range, Content-Type, "+
		"Date, Location, Server, Transfer-Encoding, Range-Unit, Preference-Applied")
	if r.Method != http.MethodOptions {
		return
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS")
	allowed := "authorization, apikey, content-type, prefer, accept, accept-profile, content-profile, range, " +
		"range-unit, x-client-info, x-retry-count, x-supabase-api-version, x-supabase-client-platform, " +
		"x-supabase-client-platform-version, x-supabase-client-runtime, x-supabase-client-runtime-version"
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		allowed = asked
	}
	h.Set("Access-Control-Allow-Headers", allowed)
	h.Set("Access-Control-Max-Age", "86400")
}

// A request is one request on its way through the steps.
type request struct {
	*http.Request
	out     http.ResponseWriter
	handler *Handler
	caller  policy.Caller
	prefer  parse.Prefer
	query   parse.Query
	media   parse.MediaType
	name    string // of the relation or function
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := &request{out: w, Request: r, handler: h, caller: auth.From(r.Context())}
	if err := req.serve(); err != nil {
		writeError(w, r, err)
	}
}

// serve checks in the order in which PostgREST does: path, schema, method,
// query string.
func (r *request) serve() error {
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	name, isFunction := strings.CutPrefix(path, "rpc/")
	if name == "" || strings.Contains(name, "/") {
		return refuse("PGRST125", "Invalid path specified in request URL")
	}
	r.name = name
	if err := r.checkSchema(); err != nil {
		return err
	}
	r.prefer = parse.ParsePrefer(r.Header.Values("Prefer"))
	if isFunction {
		return r.serveFunction()
	}
	return r.serveRelation()
}

// checkSchema takes the one schema there is.
func (r *request) checkSchema() error {
	header := "Content-Profile"
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		header = "Accept-Profile"
	}
	if schema := r.Header.Get(header); schema != "" && schema != "public" {
		return refuseWith("PGRST106", "Invalid schema: "+schema, "", "Only the following schemas are exposed: public")
	}
	return nil
}

// parse reads the query string and the preferences.
func (r *request) parse(options parse.Options) (err error) {
	if r.query, err = parse.ParseQuery(r.URL.RawQuery, options); err != nil {
		return err
	}
	if r.prefer.Strict() && len(r.prefer.Unknown) > 0 {
		return refuseWith("PGRST122", "Invalid preferences given with handling=strict",
			"Invalid preferences: "+strings.Join(r.prefer.Unknown, ", "), "")
	}
	return nil
}

// accept picks the first form of the client's that there is.
func (r *request) accept() error {
	wanted := parse.ParseAccept(r.Header.Values("Accept"))
	for _, m := range wanted {
		if m.Kind == parse.AnyMedia {
			m.Kind = parse.JSONArray
		}
		if m.Kind != parse.UnknownMedia {
			r.media = m
			return nil
		}
	}
	names := make([]string, len(wanted))
	for i, m := range wanted {
		names[i] = m.Text
	}
	return refuse("PGRST107", "None of these media types are available: "+strings.Join(names, ", "))
}

func (r *request) serveRelation() error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return r.read()
	case http.MethodPost:
		return r.insert()
	case http.MethodPatch:
		return r.update()
	case http.MethodDelete:
		return r.remove()
	case http.MethodPut:
		return r.put()
	case http.MethodOptions:
		return r.options()
	}
	return refuse("PGRST117", "Unsupported HTTP method: "+r.Method)
}

// options says what a relation can do.
func (r *request) options() error {
	relation, ok := store.Schema[r.name]
	if !ok || relation.Private {
		return errNoTable(r.name)
	}
	methods := "OPTIONS,GET,HEAD"
	if relation.Key != nil {
		methods = "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"
	}
	r.out.Header().Set("Allow", methods)
	r.out.WriteHeader(http.StatusOK)
	return nil
}

// send answers with a body in the form that was accepted.
func (r *request) send(status int, body []byte) {
	h := r.out.Header()
	h.Set("Content-Type", contentTypes[r.media.Kind])
	if r.media.StripNulls {
		if r.media.Kind == parse.JSONObject {
			h.Set("Content-Type", "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8")
		} else {
			h.Set("Content-Type", "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8")
		}
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	r.out.WriteHeader(status)
	if r.Method != http.MethodHead {
		// An error here is the client's going away.
		_, _ = r.out.Write(body)
	}
}

var contentTypes = map[parse.MediaKind]string{
	parse.JSONArray:  "application/json; charset=utf-8",
	parse.JSONObject: "application/vnd.pgrst.object+json; charset=utf-8",
	parse.CSV:        "text/csv; charset=utf-8",
}

func errNotOne(n int64) error {
	return refuseWith("PGRST116", "Cannot coerce the result to a single JSON object",
		fmt.Sprintf("The result contains %d rows", n), "")
}
