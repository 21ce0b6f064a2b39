package dashboard

import (
	"encoding/csv"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/llmtally/llmtally/http/record"
)

// A column of a table of things: how it is shown, and what it says in CSV.
type column[T any] struct {
	Name   string // in CSV
	Head   string // on the page; empty: in CSV alone
	Number bool   // right aligned, and never guarded in CSV
	Sort   string // what the address calls the order by it; empty: none
	Show   func(T) cell
	Plain  func(T) string
}

// A cell is what a table shows at one place.
type cell struct {
	Text  string
	Title string // in full, when Text is not
	Sub   string // a smaller second line
	Href  string
	State string // ok, warning or bad: a mark beside the text
	Time  string // makes the text a time
	Bar   string // a percentage, drawn below the text
}

// A table is ready to be shown.
type table struct {
	ID      string
	Caption string
	Note    string // beside the caption
	Heads   []head
	Rows    [][]cell
	IDs     []int64 // of the rows' requests, where rows are replaced as they come
	Empty   string  // what to say when there are no rows
	CSV     string  // where the whole of it is
	Newer   string  // the pages before and after this one
	Older   string
	Filters *requestList // the form that filters it
	Live    bool         // new rows are put on top as they come
}

type head struct {
	Text   string
	Number bool
	Href   string // sorts by it
	Order  string // ascending, descending, or empty
}

// newTable shows rows.
func newTable[T any](v *visit, id, caption string, columns []column[T], rows []T) table {
	t := table{ID: id, Caption: caption, Empty: "Nothing here yet.", CSV: v.with("format", "csv", "table", id, "after", "")}
	for _, c := range columns {
		if c.Head != "" {
			t.Heads = append(t.Heads, head{Text: c.Head, Number: c.Number})
		}
	}
	for _, row := range rows {
		cells := make([]cell, 0, len(t.Heads))
		for _, c := range columns {
			if c.Head != "" {
				cells = append(cells, c.Show(row))
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// wantsCSV says whether that table of the page is asked for as CSV.
func (v *visit) wantsCSV(table string) bool {
	return v.query("format") == "csv" && (v.query("table") == table || v.query("table") == "")
}

// each calls with every one of the rows: for tables that are in memory.
func each[T any](rows []T) func(func(T) error) error {
	return func(yield func(T) error) error {
		for _, row := range rows {
			if err := yield(row); err != nil {
				return err
			}
		}
		return nil
	}
}

// csvBatch is how many rows are sent at once.
const csvBatch = 500

// sendCSV streams rows as CSV (RFC 4180). What fails before the first of them is
// the page's to tell; later the answer is broken off, so that nobody takes a
// part for the whole.
func sendCSV[T any](v *visit, name string, columns []column[T], rows func(func(T) error) error) error {
	out := csv.NewWriter(v.w)
	out.UseCRLF = true
	control := http.NewResponseController(v.w)
	sent := 0
	begin := func() {
		h := v.w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + ".csv"}))
		heads := make([]string, len(columns))
		for i, c := range columns {
			heads[i] = c.Name
		}
		_ = out.Write(heads) // kept for out.Error
	}
	cells := make([]string, len(columns))
	err := rows(func(row T) error {
		if sent == 0 {
			begin()
		}
		for i, c := range columns {
			if cells[i] = c.Plain(row); !c.Number {
				cells[i] = guarded(cells[i])
			}
		}
		if sent++; sent%csvBatch == 0 {
			out.Flush()
			// A long table takes longer than a page may, as long as it moves.
			_ = control.SetWriteDeadline(time.Now().Add(time.Minute))
		}
		return out.Write(cells)
	})
	if err != nil && sent == 0 {
		return err
	}
	if sent == 0 {
		begin()
	}
	out.Flush()
	if err != nil {
		record.Fail(v.Context(), fmt.Errorf("sending %s.csv: %w", name, err))
		panic(http.ErrAbortHandler)
	}
	return nil
}

// guarded keeps a spreadsheet from taking a text for a formula.
func guarded(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
