package dashboard

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/http/problem"
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

// gone are changes that take names away.
func gone(names ...string) (changes []string) {
	for _, name := range names {
		changes = append(changes, name, "")
	}
	return changes
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

// unknown refuses a value of the address: it says of what it is and what it may
// be.
func unknown(what, allowed string) error {
	return problem.New(http.StatusUnprocessableEntity, "This "+what+" is unknown: it is "+allowed+".")
}

// oneOf reads a value of the address that is one of a few, or empty.
func (v *visit) oneOf(name, what string, allowed ...string) (string, error) {
	value := v.query(name)
	if value == "" || slices.Contains(allowed, value) {
		return value, nil
	}
	last := len(allowed) - 1
	return "", unknown(what, strings.Join(allowed[:last], ", ")+" or "+allowed[last])
}

// place reads where a page of a list begins; 0 is its beginning.
func (v *visit) place(name string) (int64, error) { return parsePlace(v.query(name)) }

func parsePlace(value string) (int64, error) {
	if value == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 || n > maxPlace {
		return 0, unknown("place in the list", fmt.Sprintf("a whole number from 0 to %d", maxPlace))
	}
	return n, nil
}

// maxPlace is beyond the end of every list.
const maxPlace = 1 << 40

// choices offers some values of a name in the address; the first is what holds
// when the address says none.
func (v *visit) choices(name, what string, values ...[2]string) (current string, all []choice, err error) {
	allowed := make([]string, len(values))
	for i, value := range values {
		allowed[i] = value[0]
	}
	if current, err = v.oneOf(name, what, allowed...); err != nil {
		return "", nil, err
	}
	current = cmp.Or(current, allowed[0])
	for _, value := range values {
		all = append(all, choice{value[1], v.with(name, value[0], "after", ""), value[0] == current})
	}
	return current, all, nil
}
