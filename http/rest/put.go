package rest

import (
	"fmt"
	"net/http"

	"github.com/llmtally/llmtally/http/rest/parse"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// put inserts or replaces the one row whose key the filters name.
func (r *request) put() error {
	w, sent, err := r.prepare(policy.Insert, true)
	if err != nil {
		return err
	}
	for _, window := range r.query.Windows {
		if len(window.Embed) == 0 && (window.Limit != nil || window.Offset > 0) {
			return refuse("PGRST114", "limit/offset querystring parameters are not allowed for PUT")
		}
	}
	key, err := w.keyInFilters()
	if err != nil {
		return err
	}
	w.mutation.Rows, err = sent.assignments(w.relation, r.prefer.Missing == "default")
	if err != nil {
		return err
	}
	if len(w.mutation.Rows) != 1 || !matchesKey(w, key) {
		return refuse("PGRST115", "Payload values do not match URL in primary key column(s)")
	}
	if err := r.accept(); err != nil {
		return err
	}
	w.mutation.Conflict = store.Merge
	if w.represents() {
		w.mutation.Show = w.show
	}
	if w.outcome, err = r.handler.db.Mutate(r.Context(), r.caller, w.mutation); err != nil {
		return err
	}
	w.applied(parse.Put)
	switch {
	case w.represents() && w.outcome.Inserted > 0:
		w.send(http.StatusCreated, w.shown)
	case w.represents():
		w.send(http.StatusOK, w.shown)
	case w.outcome.Inserted > 0:
		w.out.WriteHeader(http.StatusCreated)
	default:
		w.out.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// keyInFilters returns the value that the filters give the key: they must name
// all of it by eq, and nothing else.
func (w *write) keyInFilters() (string, error) {
	refusal := refuse("PGRST105", "Filters must include all and only primary key columns with 'eq' operators")
	if w.relation.Key == nil || len(w.query.Where) != 1 || len(w.query.Where[0].Embed) > 0 {
		return "", refusal
	}
	f, ok := w.query.Where[0].Condition.(parse.Filter)
	if !ok || f.Path.Column != w.relation.Key[0] || len(f.Path.Keys) > 0 || f.Op != parse.Eq || f.Negated || f.Quantifier != "" {
		return "", refusal
	}
	return f.Value, nil
}

func matchesKey(w *write, key string) bool {
	for _, a := range w.mutation.Rows[0] {
		if a.Column == w.relation.Key[0] {
			return a.Value != nil && fmt.Sprint(a.Value) == key
		}
	}
	return false
}
