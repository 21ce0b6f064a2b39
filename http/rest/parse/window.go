package parse

import (
	"math"
	"strconv"
	"strings"
)

// A Window is the part of an ordered result that a request wants to see.
type Window struct {
	Embed  []string // the relation it is for; empty for the request's own
	Offset int64
	Limit  *int64 // nil for all rows; a negative one is refused, see Query.Window
}

var (
	errNegativeLimit = &Error{
		Code:    CodeRange,
		Message: "Requested range not satisfiable",
		Details: "Limit should be greater than or equal to zero.",
	}
	errRangeOrder = &Error{
		Code:    CodeRange,
		Message: "Requested range not satisfiable",
		Details: "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
	}
)

// Window returns the window of the request's own relation: what limit and
// offset and the Range header have in common. PostgREST reads the header on GET
// alone; without it, pass "". A negative limit, a header whose bounds are the
// wrong way round, and windows that do not meet are an Error of CodeRange.
func (q Query) Window(rangeHeader string) (Window, error) {
	window := Window{}
	for _, w := range q.Windows {
		if len(w.Embed) == 0 {
			window = w
		}
	}
	if window.Limit != nil && *window.Limit == 0 { // asks for no rows, whatever the header
		return window, nil
	}
	header, err := parseRange(rangeHeader)
	if err != nil {
		return Window{}, err
	}
	if window.Limit != nil && *window.Limit < 0 {
		return Window{}, errNegativeLimit
	}
	offset := max(window.Offset, header.Offset)
	end := min(window.end(), header.end())
	if end <= offset && end < math.MaxInt64 {
		return Window{}, errNegativeLimit
	}
	window.Offset = offset
	if window.Limit != nil || header.Limit != nil {
		limit := end - offset
		window.Limit = &limit
	}
	return window, nil
}

// end returns the row after the last, counted from 0.
func (w Window) end() int64 {
	if w.Limit == nil || *w.Limit > math.MaxInt64-w.Offset {
		return math.MaxInt64
	}
	return w.Offset + *w.Limit
}

// parseRange reads a Range header as "0-9" or "3-". Other forms, as the bytes
// of other protocols, ask for nothing here.
func parseRange(header string) (Window, error) {
	first, last, found := strings.Cut(strings.TrimSpace(header), "-")
	from, ok := digits(first)
	if !found || !ok {
		return Window{}, nil
	}
	if last == "" {
		return Window{Offset: from}, nil
	}
	to, ok := digits(last)
	if !ok {
		return Window{}, nil
	}
	if to < from {
		return Window{}, errRangeOrder
	}
	limit := to - from
	if limit < math.MaxInt64 {
		limit++
	}
	return Window{Offset: from, Limit: &limit}, nil
}

// digits reads a number without a sign; beyond int64 it is the largest there is.
func digits(text string) (int64, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseInt(text, 10, 64) // at fault only when out of range
	return n, true
}

// integer reads the value of limit or offset.
func integer(text string) (int64, bool) {
	text = strings.TrimSpace(text)
	negative := strings.HasPrefix(text, "-")
	n, ok := digits(strings.TrimPrefix(text, "-"))
	if negative {
		n = -n
	}
	return n, ok
}

// windows collects limits and offsets by the relation they are for. The last of
// a kind counts, and counts as none if it is no number.
type windows struct {
	list []Window
	at   map[string]int // by the relation's path
}

func (ws *windows) of(embed []string) *Window {
	if ws.at == nil {
		ws.at = map[string]int{}
	}
	key := strings.Join(embed, "\x00")
	i, known := ws.at[key]
	if !known {
		i = len(ws.list)
		ws.at[key] = i
		ws.list = append(ws.list, Window{Embed: embed})
	}
	return &ws.list[i]
}

func (ws *windows) limit(embed []string, text string) {
	w := ws.of(embed)
	w.Limit = nil
	if n, ok := integer(text); ok {
		w.Limit = &n
	}
}

func (ws *windows) offset(embed []string, text string) {
	w := ws.of(embed)
	w.Offset = 0
	if n, ok := integer(text); ok && n > 0 {
		w.Offset = n
	}
}
