package dashboard

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/http/record"
)

// errNoTable says that a page has no table of the name that CSV is asked of.
var errNoTable = problem.New(http.StatusNotFound, "This page has no such table.")

// wantsCSV says whether a page that has one table is asked for it as CSV. The
// address need not name it.
func (v *visit) wantsCSV(table string) (bool, error) {
	if v.query("format") != "csv" {
		return false, nil
	}
	if asked := v.query("table"); asked != "" && asked != table {
		return false, errNoTable
	}
	return true, nil
}

// csvPath is where a table of this page is had as CSV, from its beginning.
func (v *visit) csvPath(table string) string {
	return v.with(append(gone(paging...), "format", "csv", "table", table)...)
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
	out := newCSVWriter(v.w)
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
		_ = out.write(heads) // the next says so, too
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
			_ = out.Flush()
			// A long table takes longer than a page may, as long as it moves.
			_ = control.SetWriteDeadline(time.Now().Add(time.Minute))
		}
		return out.write(cells)
	})
	if err != nil && sent == 0 {
		return err
	}
	if sent == 0 {
		begin()
	}
	err = cmp.Or(err, out.Flush())
	if err != nil {
		record.Fail(v.Context(), fmt.Errorf("sending %s.csv: %w", name, err))
		panic(http.ErrAbortHandler)
	}
	return nil
}

// A csvWriter writes records that end as RFC 4180 wants it. encoding/csv would do
// so by itself, but change the line breaks within the fields as well.
type csvWriter struct {
	*bufio.Writer
	line   bytes.Buffer
	fields *csv.Writer
}

func newCSVWriter(to io.Writer) *csvWriter {
	w := &csvWriter{Writer: bufio.NewWriter(to)}
	w.fields = csv.NewWriter(&w.line)
	return w
}

func (w *csvWriter) write(record []string) error {
	w.line.Reset()
	_ = w.fields.Write(record) // memory takes it
	w.fields.Flush()
	w.line.Truncate(w.line.Len() - len("\n"))
	w.line.WriteString("\r\n")
	_, err := w.Write(w.line.Bytes())
	return err
}

// guarded keeps a spreadsheet from taking a text for a formula.
func guarded(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
