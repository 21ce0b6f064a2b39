package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/llmtally/llmtally/http/rest/parse"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
)

// A write is a change of a relation's rows and what is to be shown of them.
type write struct {
	*request
	relation *query.Relation
	plan     *plan // of the representation
	mutation store.Mutation
	shown    []byte
	outcome  store.Outcome
}

// prepare reads what every write has, in PostgREST's order of checks: the query
// string, the body, the table, the columns, the form of the answer.
func (r *request) prepare(action policy.Action, takesBody bool) (*write, *payload, error) {
	if err := r.parse(parse.Options{}); err != nil {
		return nil, nil, err
	}
	var sent *payload
	if takesBody {
		var err error
		if sent, err = r.readPayload(); err != nil {
			return nil, nil, err
		}
	}
	relation, ok := store.Schema[r.name]
	if !ok || relation.Private {
		return nil, nil, errNoTable(r.name)
	}
	p, err := newPlan(relation, r.query.Select)
	if err != nil {
		return nil, nil, err
	}
	w := &write{request: r, relation: relation, plan: p}
	w.mutation = store.Mutation{
		Relation: relation.Name, Action: action, Rollback: r.prefer.Tx == "rollback",
		Accept: w.accepts,
	}
	return w, sent, nil
}

// accepts looks at how many rows a write changed, before it is committed.
func (w *write) accepts(n int64) error {
	if w.media.Kind == parse.JSONObject && n != 1 {
		return errNotOne(n)
	}
	if w.mutation.Action != policy.Insert && w.exceeds(n) {
		return errMaxAffected(n)
	}
	return w.showable(n)
}

// showable refuses a write whose rows are too many to be read again by their
// keys, before it is committed.
func (w *write) showable(n int64) error {
	if w.represents() && n > maxValues {
		return errTooComplex("%d rows in a representation", maxValues)
	}
	return nil
}

// exceeds says whether n rows are more than the client lets a request affect;
// of a function, PostgREST counts the rows that it returns.
func (r *request) exceeds(n int64) bool {
	most := r.prefer.MaxAffected
	return most != nil && r.prefer.Strict() && n > *most
}

func errMaxAffected(n int64) error {
	return refuseWith("PGRST124", "Query result exceeds max-affected preference constraint",
		fmt.Sprintf("The query affects %d rows", n), "")
}

func (w *write) represents() bool { return w.prefer.Return == "representation" }

// show renders the rows of the keys, as they are when it is called.
func (w *write) show(v *store.View, keys []any) (err error) {
	p := w.plan
	p.sel.Where = query.In{Place: query.Column(w.relation.Key[0]), Values: keys}
	p.requireInner()
	if len(p.sel.Order) == 0 {
		p.sel.Order = []query.Order{{Column: w.relation.Key[0]}}
	}
	w.shown, _, err = w.render(v, p)
	return err
}

func (r *request) update() error {
	w, sent, err := r.prepare(policy.Update, true)
	if err != nil {
		return err
	}
	if len(sent.rows) > 1 {
		return errUpdateRows(len(sent.rows))
	}
	rows, err := sent.assignments(w.relation, r.prefer.Missing == "default")
	if err != nil {
		return err
	}
	if len(rows) == 1 {
		w.mutation.Set = rows[0]
	}
	if err := w.filtered(); err != nil {
		return err
	}
	if len(w.mutation.Set) == 0 { // nothing to change is no error
		w.mutation.Where = query.Or{}
	}
	return w.change(parse.Update)
}

func (r *request) remove() error {
	w, _, err := r.prepare(policy.Delete, false)
	if err != nil {
		return err
	}
	if err := w.filtered(); err != nil {
		return err
	}
	return w.change(parse.Delete)
}

// filtered takes the query's filters as those of the write; those on embeds are
// about the representation.
func (w *write) filtered() error {
	if err := w.plan.apply(w.query); err != nil {
		return err
	}
	w.mutation.Where = w.plan.sel.Where
	return w.accept()
}

// arrange takes the query's orders, and its filters on embeds, for the
// representation of an insert: it has no rows of its own to filter.
func (w *write) arrange() error {
	q := w.query
	q.Where = slices.DeleteFunc(slices.Clone(q.Where), func(c parse.Where) bool { return len(c.Embed) == 0 })
	if err := w.plan.apply(q); err != nil {
		return err
	}
	return w.accept()
}

// change updates or deletes, and answers.
func (w *write) change(action parse.Action) error {
	if w.represents() {
		w.mutation.Show = w.show
	}
	var err error
	w.outcome, err = w.handler.db.Mutate(w.Context(), w.caller, w.mutation)
	if err != nil {
		return err
	}
	n := int64(len(w.outcome.Keys))
	total := int64(-1)
	if w.prefer.Count != "" {
		total = n
	}
	h := w.out.Header()
	h.Set("Content-Range", contentRange(0, n, total))
	if action == parse.Delete {
		h.Set("Content-Range", contentRange(0, 0, total))
	}
	w.applied(action)
	if !w.represents() {
		w.out.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.send(http.StatusOK, w.shown)
	return nil
}

func (w *write) applied(action parse.Action) {
	if applied := w.prefer.Applied(action, w.relation.Key != nil); applied != "" {
		w.out.Header().Set("Preference-Applied", applied)
	}
}

func (r *request) insert() error {
	w, sent, err := r.prepare(policy.Insert, true)
	if err != nil {
		return err
	}
	w.mutation.Rows, err = sent.assignments(w.relation, r.prefer.Missing == "default")
	if err != nil {
		return err
	}
	if err := w.arrange(); err != nil {
		return err
	}
	w.mutation.Target = r.query.OnConflict
	switch r.prefer.Resolution {
	case "merge-duplicates":
		w.mutation.Conflict = store.Merge
	case "ignore-duplicates":
		w.mutation.Conflict = store.Ignore
	}
	return w.insertAndAnswer(sent)
}

func (w *write) insertAndAnswer(sent *payload) (err error) {
	// Logs share transactions with others' logs, so they are shown afterwards.
	// To anon the answer repeats what was sent, and tells nothing else.
	logs := w.relation.Name == "request_logs"
	blind := logs && w.caller.Role == policy.Anon
	single := w.media.Kind == parse.JSONObject
	if blind && single && len(sent.rows) != 1 {
		return errNotOne(int64(len(sent.rows)))
	}
	if blind || !single {
		w.mutation.Accept = nil
	}
	if !blind {
		if err := w.showable(int64(len(sent.rows))); err != nil {
			return err
		}
	}
	showNow := w.represents() && !blind && (!logs || w.mutation.Rollback)
	if showNow {
		w.mutation.Show = w.show
	}
	if w.outcome, err = w.handler.db.Mutate(w.Context(), w.caller, w.mutation); err != nil {
		return err
	}
	switch {
	case !w.represents():
	case blind:
		w.shown = w.echo(sent)
	case !showNow:
		err = w.handler.db.Snapshot(w.Context(), w.caller, func(v *store.View) error { return w.show(v, w.outcome.Keys) })
	}
	if err != nil {
		return err
	}
	w.answerInsert(blind, len(sent.rows))
	return nil
}

func (w *write) answerInsert(blind bool, rows int) {
	total := int64(-1)
	if w.prefer.Count != "" {
		total = int64(len(w.outcome.Keys))
		if blind {
			total = int64(rows)
		}
	}
	h := w.out.Header()
	h.Set("Content-Range", contentRange(0, 0, total))
	w.applied(parse.Insert)
	status := http.StatusCreated
	if w.mutation.Conflict == store.Merge && w.outcome.Inserted == 0 && !blind {
		status = http.StatusOK
	}
	if w.represents() {
		w.send(status, w.shown)
		return
	}
	if w.prefer.Return == "headers-only" && len(w.outcome.Keys) == 1 && !blind {
		h.Set("Location", fmt.Sprintf("/%s?%s=eq.%s", w.relation.Name, w.relation.Key[0],
			url.QueryEscape(fmt.Sprint(w.outcome.Keys[0]))))
	}
	h.Set("Content-Length", "0")
	w.out.WriteHeader(status)
}

// echo shows anon's rows as they were sent: of the columns selected, those that
// were there.
func (w *write) echo(sent *payload) (out []byte) {
	single := w.media.Kind == parse.JSONObject
	if !single {
		out = append(out, '[')
	}
	for i, row := range sent.rows {
		if i > 0 {
			out = append(out, ',')
		}
		m := &members{out: append(out, '{'), first: true, stripNulls: w.media.StripNulls}
		for _, it := range w.plan.items {
			if it.embed != nil {
				continue
			}
			name := w.plan.sel.Columns[it.column].Name
			if raw, ok := row[name]; ok {
				m.value(it.name, string(raw), query.JSON)
			}
		}
		out = append(m.out, '}')
	}
	if !single {
		out = append(out, ']')
	}
	return out
}
