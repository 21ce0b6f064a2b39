package dashboard

import "fmt"

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

	SubHref string
	Class   string // of its place in the table
}

// A table is ready to be shown.
type table struct {
	ID          string
	Caption     string
	Note        string // beside the caption
	Heads       []head
	Rows        [][]cell
	IDs         []int64      // of the rows' requests, where rows are replaced as they come
	Empty       string       // what to say when there are no rows
	CSV         string       // where the whole of it is
	besidePages              // the pages beside this one
	Filters     *requestList // the form that filters it
	Live        string       // where new rows come from, which are put on top; empty: they do not
}

type head struct {
	Text   string
	Number bool
	Href   string // sorts by it
	Order  string // ascending, descending, or empty
}

// newTable shows rows.
func newTable[T any](v *visit, id, caption string, columns []column[T], rows []T) table {
	t := table{ID: id, Caption: caption, Empty: "Nothing here yet.", CSV: v.csvPath(id)}
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

// shortTable shows the first rows, and says so when there are more.
func shortTable[T any](v *visit, id, caption string, columns []column[T], rows []T, most int) table {
	t := newTable(v, id, caption, columns, rows[:min(len(rows), most)])
	if len(rows) > most {
		t.remark(fmt.Sprintf("the first %d of %s, CSV has all", most, count(int64(len(rows)))))
	}
	return t
}

// remark adds to what stands beside the caption.
func (t *table) remark(text string) {
	if t.Note != "" {
		text = t.Note + "; " + text
	}
	t.Note = text
}
