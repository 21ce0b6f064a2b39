package rest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/llmtally/llmtally/http/rest/parse"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/rawjson"
)

// serveFunction answers a call of a function: its rows are shown as a
// relation's are.
func (r *request) serveFunction() error {
	isGet := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case r.Method == http.MethodOptions:
		r.out.Header().Set("Allow", "OPTIONS,GET,HEAD,POST")
		r.out.WriteHeader(http.StatusOK)
		return nil
	case !isGet && r.Method != http.MethodPost:
		return refuse("PGRST101", fmt.Sprintf("Cannot use the %s method on RPC", r.Method))
	}
	if err := r.parse(parse.Options{Arguments: isGet}); err != nil {
		return err
	}
	window, err := r.window()
	if err != nil {
		return err
	}
	var given map[string][]byte
	if isGet {
		given = argumentsOf(r.query.Arguments)
	} else if given, err = r.argumentsInBody(); err != nil {
		return err
	}
	p, err := r.planCall(given)
	if err != nil {
		return err
	}
	return r.answer(p, window, parse.Call)
}

// argumentsOf returns the arguments of a query string as JSON strings; the last
// of a name counts.
func argumentsOf(arguments []parse.Argument) map[string][]byte {
	given := map[string][]byte{}
	for _, a := range arguments {
		given[a.Name] = appendString(nil, a.Value)
	}
	return given
}

// argumentsInBody returns the members of the body's object. An empty body has
// none.
func (r *request) argumentsInBody() (map[string][]byte, error) {
	text, err := r.readBody()
	if err != nil {
		return nil, err
	}
	given := map[string][]byte{}
	if len(strings.TrimSpace(string(text))) == 0 {
		return given, nil
	}
	if !rawjson.Valid(text) || strings.TrimSpace(string(text))[0] != '{' {
		return nil, errBadJSON()
	}
	_, err = rawjson.Object(text, 0, func(key, value []byte) { given[string(key)] = value })
	return given, err
}

// planCall checks the arguments and plans the function's rows.
func (r *request) planCall(given map[string][]byte) (*plan, error) {
	f, ok := store.Functions[r.name]
	if !ok || !fits(f, given) {
		return nil, errNoFunction(r.name, given)
	}
	args := make([]any, len(f.Params))
	for i, param := range f.Params {
		raw, named := given[param.Name]
		if !named {
			args[i] = param.Default
			continue
		}
		value, err := store.ParseJSONValue(param.Type, raw)
		if err != nil {
			return nil, err
		}
		args[i] = value
	}
	inner, err := f.Select(args)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(resultOf(f.Name, inner), r.query.Select)
	if err != nil {
		return nil, err
	}
	p.sel.Within = &inner
	return p, nil
}

// fits says whether the function takes these arguments.
func fits(f *store.Function, given map[string][]byte) bool {
	for name := range given {
		if !slices.ContainsFunc(f.Params, func(p store.Param) bool { return p.Name == name }) {
			return false
		}
	}
	for _, p := range f.Params {
		if _, named := given[p.Name]; !named && !p.Optional {
			return false
		}
	}
	return true
}

// resultOf describes a function's rows as a relation.
func resultOf(name string, inner query.Select) *query.Relation {
	of := store.Schema[inner.From]
	r := &query.Relation{Name: name}
	for _, o := range inner.Columns {
		c, _ := of.Column(o.Name)
		if o.As != "" {
			c.Name = o.As
		}
		r.Columns = append(r.Columns, c)
	}
	return r
}

func errNoFunction(name string, given map[string][]byte) error {
	names := make([]string, 0, len(given))
	for n := range given {
		names = append(names, n)
	}
	slices.Sort(names)
	signature := fmt.Sprintf("public.%s(%s)", name, strings.Join(names, ", "))
	searched := fmt.Sprintf("parameters %s", strings.Join(names, ", "))
	if len(names) == 0 {
		signature = fmt.Sprintf("public.%s without parameters", name)
		searched = "without parameters"
	}
	return refuseWith("PGRST202", fmt.Sprintf("Could not find the function %s in the schema cache", signature),
		fmt.Sprintf("Searched for the function public.%s %s, but no matches were found in the schema cache.", name, withWord(searched)), "")
}

func withWord(searched string) string {
	if strings.HasPrefix(searched, "parameters") {
		return "with " + searched
	}
	return searched
}

// readBody reads a body whole.
func (r *request) readBody() ([]byte, error) {
	stream, err := openBody(r)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	return text, bodyError(err)
}
