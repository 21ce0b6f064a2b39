package rest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/llmtally/llmtally/http/body"
	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/rawjson"
)

// A payload is the rows of a body: the names that its rows have, and for each
// row the JSON of its members.
type payload struct {
	names []string
	rows  []map[string][]byte
	list  bool // it was an array, or CSV
}

func errBadJSON() error { return refuse("PGRST102", "Empty or invalid json") }

// readPayload reads the body in the form that its Content-Type names.
func (r *request) readPayload() (*payload, error) {
	media := r.Header.Get("Content-Type")
	kind, _, _ := strings.Cut(media, ";")
	switch kind = strings.ToLower(strings.TrimSpace(kind)); kind {
	case "", "application/json", "application/vnd.pgrst.object+json", "application/vnd.pgrst.array+json":
		kind = "json"
	case "text/csv", "application/x-www-form-urlencoded":
	default:
		return nil, refuse("PGRST102", "Content-Type not acceptable: "+media)
	}
	text, err := r.readBody()
	if err != nil {
		return nil, err
	}
	var p *payload
	switch kind {
	case "json":
		p, err = jsonPayload(text)
	case "text/csv":
		p, err = csvPayload(text)
	default:
		p, err = formPayload(text)
	}
	if err != nil {
		return nil, err
	}
	return p, p.uniform(r.query.Columns)
}

func openBody(r *request) (io.ReadCloser, error) {
	stream, err := body.Open(r.out, r.Request, r.handler.maxBody)
	return stream, bodyError(err)
}

// bodyError says what is wrong with a body in this dialect's terms.
func bodyError(err error) error {
	var unknown body.UnknownEncoding
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown):
		return refuse("PGRST102", err.Error())
	case errors.Is(err, body.ErrTooLarge):
		return refuse(problem.CodeTooLarge, body.ErrTooLarge.Error())
	case errors.Is(err, body.ErrStopped), errors.Is(err, body.ErrTimeout), errors.Is(err, body.ErrCompression):
		return refuse("PGRST102", "the body could not be read to its end")
	}
	return err
}

func jsonPayload(text []byte) (*payload, error) {
	if !rawjson.Valid(text) {
		return nil, errBadJSON()
	}
	p := &payload{}
	text = bytes.TrimSpace(text)
	switch text[0] {
	case '{':
		p.add(text)
		return p, nil
	case '[':
		p.list = true
		for _, row := range rawjson.Elements(text) {
			if row[0] != '{' {
				return nil, errBadJSON()
			}
			p.add(row)
		}
		return p, nil
	}
	return nil, errBadJSON()
}

func (p *payload) add(object []byte) {
	row := map[string][]byte{}
	// The object is part of a text that was checked.
	_, _ = rawjson.Object(object, 0, func(key, value []byte) {
		name := string(key)
		if _, seen := row[name]; !seen && len(p.rows) == 0 {
			p.names = append(p.names, name)
		}
		row[name] = value
	})
	p.rows = append(p.rows, row)
}

// csvPayload reads CSV with a header; NULL stands for null.
func csvPayload(text []byte) (*payload, error) {
	records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, refuseWith("PGRST102", "the CSV cannot be read", err.Error(), "")
	}
	p := &payload{list: true}
	if len(records) == 0 {
		return p, nil
	}
	p.names = records[0]
	for _, record := range records[1:] {
		row := map[string][]byte{}
		for i, cell := range record {
			row[p.names[i]] = appendString(nil, cell)
			if cell == "NULL" {
				row[p.names[i]] = []byte("null")
			}
		}
		p.rows = append(p.rows, row)
	}
	return p, nil
}

func formPayload(text []byte) (*payload, error) {
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, refuse("PGRST102", "the form cannot be read")
	}
	row := map[string][]byte{}
	p := &payload{}
	for name, all := range values {
		p.names = append(p.names, name)
		row[name] = appendString(nil, all[len(all)-1])
	}
	slices.Sort(p.names)
	p.rows = append(p.rows, row)
	return p, nil
}

// uniform holds the rows to the same names, or to those that columns lists.
func (p *payload) uniform(columns []string) error {
	if columns != nil {
		p.names = columns
		return nil
	}
	for _, row := range p.rows {
		same := len(row) == len(p.names)
		for _, name := range p.names {
			_, ok := row[name]
			same = same && ok
		}
		if !same {
			return refuse("PGRST102", "All object keys must match")
		}
	}
	return nil
}

// assignments types the rows by the relation's columns. A name that a row lacks
// is null, or left to the column's default.
func (p *payload) assignments(r *query.Relation, missingDefault bool) ([][]query.Assignment, error) {
	for _, name := range p.names {
		if _, ok := r.Column(name); !ok {
			return nil, errNoBodyColumn(r.Name, name)
		}
	}
	rows := make([][]query.Assignment, len(p.rows))
	for i, row := range p.rows {
		rows[i] = []query.Assignment{}
		for _, name := range p.names {
			raw, ok := row[name]
			if !ok && missingDefault {
				continue
			}
			column, _ := r.Column(name)
			value, err := assigned(r, column, raw)
			if err != nil {
				return nil, err
			}
			rows[i] = append(rows[i], query.Assignment{Column: name, Value: value})
		}
	}
	return rows, nil
}

// assigned types one value. A log's own columns check more than their type, so
// they get the JSON as it is.
func assigned(r *query.Relation, c query.ColumnSpec, raw []byte) (any, error) {
	if raw == nil {
		return nil, nil
	}
	value, err := store.ParseJSONValue(c.Type, raw)
	if err != nil {
		return nil, err
	}
	if r.Name == "request_logs" && c.Type == query.JSON && value != nil {
		return json.RawMessage(raw), nil
	}
	return value, nil
}

func errUpdateRows(n int) error {
	return refuse("PGRST102", fmt.Sprintf("an update takes one object, not %d", n))
}
