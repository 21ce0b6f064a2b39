package store

import (
	"encoding/base64"
	"encoding/json"
	"sort"
	"strings"

	"github.com/llmtally/llmtally/store/query"
)

// A userCursor is a place in a list of users: beside one that a page began or
// ended with.
type userCursor struct {
	Sort UserSort `json:"s"`
	Down bool     `json:"d,omitempty"`
	Back bool     `json:"b,omitempty"` // the page ends there
	Key  float64  `json:"k,omitempty"`
	ID   string   `json:"i"`
}

func (l *userList) cursor(i int, back bool) string {
	return userCursor{l.by, l.down, back, l.order.key(l.place(i)), l.id(i)}.text()
}

func (c userCursor) text() string {
	text, err := json.Marshal(c)
	if err != nil {
		return "" // numbers and texts can be written
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// window returns which places of the list a page has that goes on from a cursor.
func (l *userList) window(cursor string, limit int) (first, last int, err error) {
	if cursor == "" {
		return 0, l.last(0, limit), nil
	}
	var c userCursor
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil || c.Sort != l.by || c.Down != l.down || !query.IsText(c.ID) {
		return 0, 0, errorf(CodeInvalidText, "this is no place in this list of users")
	}
	if !c.Back {
		first = l.find(func(order int) bool { return order > 0 }, &c)
		return first, l.last(first, limit), nil
	}
	last = l.find(func(order int) bool { return order >= 0 }, &c)
	first = last
	for n := 0; first > 0 && n < limit; first-- {
		if l.matches(first - 1) {
			n++
		}
	}
	return first, last, nil
}

// find returns the first place of the list whose order to the cursor is so.
func (l *userList) find(is func(order int) bool, c *userCursor) int {
	return sort.Search(l.len(), func(i int) bool {
		order := compareUsers(l.order.key(l.place(i)), l.id(i), c.Key, c.ID)
		if l.down {
			order = -order
		}
		return is(order)
	})
}

// last returns the place after a page that begins at first.
func (l *userList) last(first, limit int) int {
	last := first
	for n := 0; last < l.len() && n < limit; last++ {
		if l.matches(last) {
			n++
		}
	}
	return last
}

// compareUsers orders users by a key, and those alike by their ids.
func compareUsers(key float64, id string, otherKey float64, otherID string) int {
	switch {
	case key < otherKey:
		return -1
	case key > otherKey:
		return 1
	}
	return strings.Compare(id, otherID)
}
