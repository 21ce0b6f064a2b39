package dashboard

import "strings"

// backwards marks a place in the address that a page ends before; one without
// the mark it begins after.
const backwards = "~"

// besidePages are the addresses of the pages beside one of a list; empty where there is
// none.
type besidePages struct{ Older, Newer string }

// pageOf reads the page of a list, newest first, that the address names with
// place. read returns so many elements: those just older than an element, or
// just newer; of none, the newest.
func pageOf[T any](v *visit, place string, read func(of string, newer bool, most int64) ([]T, error), name func(T) string) (shown []T, t besidePages, err error) {
	of, newer := strings.CutPrefix(v.query(place), backwards)
	newer = newer && of != ""
	rows, err := read(of, newer, pageRows+1)          // to know whether there are more
	if err == nil && newer && len(rows) <= pageRows { // then it is the first page, which is shown full
		of, newer = "", false
		rows, err = read(of, newer, pageRows+1)
	}
	if err != nil {
		return nil, t, err
	}
	more := len(rows) > pageRows
	shown = rows[:min(len(rows), pageRows)]
	if newer {
		shown = rows[len(rows)-pageRows:]
	}
	if more || newer {
		t.Older = v.with(place, name(shown[len(shown)-1]))
	}
	switch {
	case of == "":
	case len(shown) == 0: // beyond the end
		t.Newer = v.with(place, "")
	default:
		t.Newer = v.with(place, backwards+name(shown[0]))
	}
	return shown, t, nil
}
