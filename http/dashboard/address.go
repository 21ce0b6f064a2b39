package dashboard

import (
	"maps"
	"slices"
)

// paging are the names by which the address says where a page of a list begins.
var paging = []string{"after", "open-after"}

// query returns a value of the address's query.
func (v *visit) query(name string) string { return v.URL.Query().Get(name) }

// with returns the address of this page with some of its query changed; an
// empty value takes the name away.
func (v *visit) with(changes ...string) string {
	q := v.URL.Query()
	for i := 0; i+1 < len(changes); i += 2 {
		if q.Del(changes[i]); changes[i+1] != "" {
			q.Set(changes[i], changes[i+1])
		}
	}
	if len(q) == 0 {
		return v.URL.EscapedPath()
	}
	return v.URL.EscapedPath() + "?" + q.Encode()
}

// kept returns what a form of this page must send along, since a browser puts
// the form's fields in the place of the address's whole query: all that the
// query says but the form's own fields, and the places in lists, which are those
// of another list after it.
func (v *visit) kept(fields ...string) (all [][2]string) {
	q := v.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if slices.Contains(fields, name) || slices.Contains(paging, name) {
			continue
		}
		for _, value := range q[name] {
			if value != "" {
				all = append(all, [2]string{name, value})
			}
		}
	}
	return all
}
