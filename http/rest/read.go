package rest

import (
	"fmt"
	"net/http"

	"github.com/llmtally/llmtally/http/rest/parse"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
)

// read answers GET and HEAD on a relation.
func (r *request) read() error {
	if err := r.parse(parse.Options{}); err != nil {
		return err
	}
	window, err := r.window()
	if err != nil {
		return err
	}
	relation, ok := store.Schema[r.name]
	if !ok || relation.Private {
		return errNoTable(r.name)
	}
	p, err := newPlan(relation, r.query.Select)
	if err != nil {
		return err
	}
	return r.answer(p, window, parse.Read)
}

// window is the part of the rows that is asked for; HEAD has no Range.
func (r *request) window() (parse.Window, error) {
	asked := ""
	if r.Method == http.MethodGet {
		asked = r.Header.Get("Range")
	}
	return r.query.Window(asked)
}

// answer reads a plan's rows, counts them if asked, and sends them.
func (r *request) answer(p *plan, window parse.Window, action parse.Action) error {
	if err := p.apply(r.query); err != nil {
		return err
	}
	if err := r.accept(); err != nil {
		return err
	}
	total := int64(-1)
	var body []byte
	var n int64
	show := func(v *store.View) (err error) {
		if r.prefer.Count != "" {
			if total, err = count(v, p); err != nil {
				return err
			}
		}
		p.sel.Limit, p.sel.Offset = window.Limit, window.Offset
		body, n, err = r.render(v, p)
		return err
	}
	var err error
	if len(p.embeds) == 0 && r.prefer.Count == "" {
		err = show(r.handler.db.Reader(r.Context(), r.caller))
	} else {
		err = r.handler.db.Snapshot(r.Context(), r.caller, show)
	}
	if err != nil {
		return err
	}
	if total >= 0 && window.Offset > total {
		return refuseWith("PGRST103", "Requested range not satisfiable",
			fmt.Sprintf("An offset of %d was requested, but there are only %d rows.", window.Offset, total), "")
	}
	if r.media.Kind == parse.JSONObject && n != 1 {
		return errNotOne(n)
	}
	if action == parse.Call && r.exceeds(n) {
		return errMaxAffected(n)
	}
	h := r.out.Header()
	h.Set("Content-Range", contentRange(window.Offset, n, total))
	h.Set("Range-Unit", "items")
	h.Set("Content-Location", contentLocation(r))
	if applied := r.prefer.Applied(action, false); applied != "" {
		h.Set("Preference-Applied", applied)
	}
	r.send(readStatus(n, total), body)
	return nil
}

func contentLocation(r *request) string {
	location := r.URL.Path[len(Prefix):]
	if q := parse.Canonical(r.URL.RawQuery); q != "" {
		location += "?" + q
	}
	return location
}

// readStatus is 206 when a count shows that the rows are not all.
func readStatus(n, total int64) int {
	if total >= 0 && n < total {
		return http.StatusPartialContent
	}
	return http.StatusOK
}

// contentRange writes `first-last/total`, with stars for what is not known.
func contentRange(offset, n, total int64) string {
	rows, all := "*", "*"
	if n > 0 {
		rows = fmt.Sprintf("%d-%d", offset, offset+n-1)
	}
	if total >= 0 {
		all = fmt.Sprint(total)
	}
	return rows + "/" + all
}

// count counts the plan's rows, whatever part of them is asked for.
func count(v *store.View, p *plan) (total int64, err error) {
	sel := query.Select{
		From: p.sel.From, Within: p.sel.Within, Where: p.sel.Where,
		Columns: []query.Output{{As: "count", Func: query.CountRows}},
	}
	_, err = v.Select(sel, func(row query.Row) error {
		total, _ = row[0].(int64)
		return nil
	})
	return total, err
}

// render shows the plan's rows in the accepted form, and returns how many there
// were.
func (r *request) render(v *store.View, p *plan) (body []byte, n int64, err error) {
	f := newFetcher(v, r.media.StripNulls)
	switch r.media.Kind {
	case parse.CSV:
		return f.csv(nil, p)
	case parse.JSONObject:
		return f.objects(nil, p)
	}
	body, n, err = f.objects([]byte{'['}, p)
	return append(body, ']'), n, err
}
