package store

import "github.com/llmtally/llmtally/store/query"

// A Function is a set-returning function that clients may call.
type Function struct {
	Name   string
	Params []Param
	// Select returns the function's rows for its arguments, in the order of
	// Params; an argument may be nil, for null.
	Select func(args []any) (query.Select, error)
}

// A Param is a function's parameter.
type Param struct {
	Name     string
	Type     query.Type
	Optional bool
	Default  any
}

// Functions are the published functions by name.
var Functions = map[string]*Function{
	"get_user_request_history": {
		Name: "get_user_request_history",
		Params: []Param{
			{Name: "p_user_id", Type: query.Text},
			{Name: "p_limit", Type: query.Int, Optional: true, Default: int64(50)},
			{Name: "p_offset", Type: query.Int, Optional: true, Default: int64(0)},
		},
		Select: func(args []any) (query.Select, error) {
			limit, offset, err := window(args[1], args[2])
			s := historySelect(query.Is("user_profile_id", args[0]), limit, offset)
			return s, err
		},
	},
	"get_user_token_breakdown": {
		Name:   "get_user_token_breakdown",
		Params: []Param{{Name: "p_user_id", Type: query.Text}},
		Select: func(args []any) (query.Select, error) {
			return breakdownSelect(args[0]), nil
		},
	},
}

// window reads a limit and an offset; null is none, as in PostgreSQL, which
// looks at the offset first.
func window(limit, offset any) (*int64, int64, error) {
	skip, _ := offset.(int64)
	if skip < 0 {
		return nil, 0, errorf("2201X", "OFFSET must not be negative")
	}
	n, ok := limit.(int64)
	switch {
	case !ok:
		return nil, skip, nil
	case n < 0:
		return nil, 0, errorf("2201W", "LIMIT must not be negative")
	}
	return &n, skip, nil
}
