package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/http/rest/parse"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// refuse returns an error as PostgREST words it: an SQLSTATE or a PGRST code.
func refuse(code, message string) *store.Error {
	return &store.Error{Code: code, Message: message}
}

func refuseWith(code, message, details, hint string) *store.Error {
	return &store.Error{Code: code, Message: message, Details: details, Hint: hint}
}

// statuses are the HTTP statuses of the codes, from PostgREST's documentation
// of its errors. SQLSTATEs that are not here go by their class.
var statuses = map[string]int{
	"PGRST100": 400, "PGRST101": 405, "PGRST102": 400, "PGRST103": 416, "PGRST105": 405,
	"PGRST106": 406, "PGRST107": 406, "PGRST108": 400, "PGRST114": 400, "PGRST115": 400,
	"PGRST116": 406, "PGRST117": 405, "PGRST118": 400, "PGRST120": 400, "PGRST122": 400,
	"PGRST123": 400, "PGRST124": 400, "PGRST125": 404,
	"PGRST200": 400, "PGRST201": 300, "PGRST202": 404, "PGRST204": 400, "PGRST205": 404,
	"PGRST001": 503, "PGRST300": 500, "PGRST301": 401, "PGRST302": 401, "PGRST303": 401,
	"23503": 409, "23505": 409, "25006": 405, "42883": 404, "42P01": 404, "42P17": 500, "22023": 401,
	"21000": 500, store.CodeDiskFull: 507,
}

var classes = map[string]int{
	"08": 503, "09": 500, "0L": 403, "0P": 403, "22": 400, "23": 400, "25": 500, "28": 403, "2D": 500,
	"38": 500, "39": 500, "3B": 500, "40": 500, "42": 400, "53": 503, "54": 413, "55": 500, "57": 500,
	"58": 500, "F0": 500, "HV": 500, "XX": 500,
}

func statusOf(code string, role policy.Role) int {
	if code == store.CodePrivilege {
		if role == policy.Anon || role == "" {
			return http.StatusUnauthorized
		}
		return http.StatusForbidden
	}
	if status, ok := statuses[code]; ok {
		return status
	}
	if len(code) == 5 {
		if status, ok := classes[code[:2]]; ok {
			return status
		}
	}
	return http.StatusInternalServerError
}

// known turns any error into one with a code, or one that says nothing.
func known(err error) *store.Error {
	var refused *store.Error
	var syntax *parse.Error
	switch {
	case errors.As(err, &refused):
		if refused.Code == store.CodeDiskFull {
			return refuseWith(refused.Code, refused.Message, "", refused.Hint)
		}
		return refused
	case errors.As(err, &syntax):
		return refuseWith(syntax.Code, syntax.Message, syntax.Details, "")
	case errors.Is(err, store.ErrBusy):
		return refuseWith("53400", "too many logs are waiting to be written", "", "send again in a moment")
	case store.Away(err):
		return refuseWith("PGRST001", "the database does not answer", "", "send again in a moment")
	case errors.Is(err, store.ErrClosed):
		return refuse("57P03", "the server is shutting down")
	default:
		return refuse("XX000", "something went wrong here; the server's log says what")
	}
}

// An errorBody is PostgREST's: always these four keys, each a string or null.
type errorBody struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Details *string `json:"details"`
	Hint    *string `json:"hint"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// writeError answers with an error.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := known(err)
	status := statusOf(e.Code, auth.From(r.Context()).Role)
	switch {
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrClosed), store.Away(err):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	case status >= http.StatusInternalServerError:
		record.Fail(r.Context(), err)
	}
	h := w.Header()
	for _, name := range []string{"Content-Range", "Location", "Preference-Applied", "Content-Location"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Proxy-Status", "PostgREST; error="+e.Code)
	if status == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // operators are full of < and >
	// An error here is the client's going away.
	_ = encoder.Encode(errorBody{e.Code, e.Message, orNull(e.Details), orNull(e.Hint)})
}

// Unauthorized answers a request whose caller is not known.
func Unauthorized(w http.ResponseWriter, r *http.Request, e *auth.Error) {
	setCORS(w.Header(), r)
	writeError(w, r, refuse(e.Code, e.Message))
}

// UnknownMethod answers a method that HTTP does not know.
func UnknownMethod(w http.ResponseWriter, r *http.Request) {
	writeError(w, r, refuse("PGRST117", "Unsupported HTTP method: "+r.Method))
}

func errNoTable(name string) error {
	return refuse("PGRST205", fmt.Sprintf("Could not find the table 'public.%s' in the schema cache", name))
}

func errNoColumn(relation, column string) error {
	return refuse(store.CodeUnknownColumn, fmt.Sprintf("column %s.%s does not exist", relation, column))
}

func errNoBodyColumn(relation, column string) error {
	return refuse("PGRST204", fmt.Sprintf("Could not find the '%s' column of '%s' in the schema cache", column, relation))
}

func errNoOperator(left, operator, right string) error {
	return refuseWith("42883", fmt.Sprintf("operator does not exist: %s %s %s", left, operator, right), "",
		"No operator matches the given name and argument types. You might need to add explicit type casts.")
}

func errNotEmbedded(path []string) error {
	name := strings.Join(path, ".")
	return refuseWith("PGRST108", fmt.Sprintf("'%s' is not an embedded resource in this request", name), "",
		fmt.Sprintf("Verify that '%s' is included in the 'select' query parameter.", name))
}
