package ingest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/ingest"
	"github.com/llmtally/llmtally/store"
)

func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	const (
		badRequest    = http.StatusBadRequest
		unprocessable = http.StatusUnprocessableEntity
		tooLarge      = http.StatusRequestEntityTooLarge
	)
	megabytes := strings.Repeat("x", 10<<20)
	for name, tt := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"an empty body":                {"", badRequest, "PGRST102"},
		"no JSON":                      {"model=gpt-4o", badRequest, "PGRST102"},
		"an object cut short":          {`{"end_user":"ann","model":"gp`, unprocessable, "PGRST102"},
		"an array cut short":           {`[{"end_user":"ann"},{"end_user":`, badRequest, "PGRST102"},
		"an array cut after a row":     {`[{"end_user":"ann"}`, badRequest, "PGRST102"},
		"an array with more behind it": {`[{"end_user":"ann"}] x`, badRequest, "PGRST102"},
		"a number for a model's list":  {`{"end_user":"ann","model":["gpt-4o"]}`, unprocessable, "22P02"},
		"an object for a user":         {`{"end_user":{"id":"ann"}}`, unprocessable, "22P02"},
		"a text for a count":           {`{"end_user":"ann","tokens_used":"many"}`, unprocessable, "22P02"},
		"a boolean for a cost":         {`{"end_user":"ann","total_cost":true}`, unprocessable, "22P02"},
		"a list for a time":            {`{"end_user":"ann","created_at":[]}`, unprocessable, "22P02"},
		"a fraction of a token":        {`{"end_user":"ann","tokens_used":1.5}`, unprocessable, "22P02"},
		"a bare NaN":                   {`{"end_user":"ann","total_cost":NaN}`, unprocessable, "PGRST102"},
		"a bare Infinity":              {`{"end_user":"ann","total_cost":Infinity}`, unprocessable, "PGRST102"},
		"a bare -Infinity":             {`{"end_user":"ann","total_cost":-Infinity}`, unprocessable, "PGRST102"},
		"a quoted NaN":                 {`{"end_user":"ann","total_cost":"NaN"}`, unprocessable, "22003"},
		"a quoted Infinity":            {`{"end_user":"ann","total_cost":"Infinity"}`, unprocessable, "22003"},
		"a quoted -inf":                {`{"end_user":"ann","response_time":"-inf"}`, unprocessable, "22003"},
		"a cost beyond all numbers":    {`{"end_user":"ann","total_cost":1e999}`, unprocessable, "22003"},
		"an absurd cost":               {`{"end_user":"ann","total_cost":1e30}`, unprocessable, "22003"},
		"negative tokens":              {`{"end_user":"ann","prompt_tokens":-1}`, unprocessable, "22003"},
		"negative quoted tokens":       {`{"end_user":"ann","completion_tokens":"-5"}`, unprocessable, "22003"},
		"more tokens than 64 bits":     {`{"end_user":"ann","tokens_used":99999999999999999999}`, unprocessable, ""},
		"a negative cost":              {`{"end_user":"ann","total_cost":-0.01}`, unprocessable, "22003"},
		"a negative response time":     {`{"end_user":"ann","response_time":-1}`, unprocessable, "22003"},
		"a text of 10 MB":              {`{"end_user":"ann","model":"` + megabytes + `"}`, tooLarge, "54000"},
		"messages of 10 MB":            {`{"end_user":"ann","messages":"` + megabytes + `"}`, tooLarge, "54000"},
		"a long model":                 {`{"end_user":"ann","model":"` + megabytes[:4096] + `"}`, unprocessable, "22001"},
		"a user id of 4 KB":            {`{"end_user":"` + megabytes[:4096] + `"}`, unprocessable, "22001"},
		"a call id of 4 KB":            {`{"end_user":"ann","litellm_call_id":"` + megabytes[:4096] + `"}`, unprocessable, "22001"},
		"a user that is not UTF-8":     {"{\"end_user\":\"ann\xff\"}", unprocessable, "PGRST102"},
		"messages that are not UTF-8":  {"{\"end_user\":\"ann\",\"messages\":[\"\xc3\x28\"]}", unprocessable, "PGRST102"},
		"UTF-16":                       {"\xff\xfe{\x00}\x00", badRequest, "PGRST102"},
		"a million brackets":           {strings.Repeat("[", 1_000_000), badRequest, ""},
		"a million closed brackets":    {strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000), 0, "PGRST102"},
		"a million objects":            {strings.Repeat(`{"a":`, 1_000_000), unprocessable, "PGRST102"},
		"a million brackets in a row":  {`{"end_user":"ann","messages":` + strings.Repeat("[", 1_000_000), unprocessable, "PGRST102"},
		"deep messages":                {`{"end_user":"ann","messages":` + deep(100_000) + `}`, unprocessable, "PGRST102"},
		"a NUL before the body":        {"\x00{}", badRequest, "PGRST102"},
		"a NUL in a text":              {"{\"end_user\":\"a\x00nn\"}", unprocessable, "PGRST102"},
		"an escaped NUL in a user":     {`{"end_user":"a\u0000nn"}`, unprocessable, "22021"},
		"an escaped NUL in a model":    {`{"end_user":"ann","model":"\u0000"}`, unprocessable, "22021"},
		"the year 99999":               {`{"end_user":"ann","created_at":"99999-01-01T00:00:00Z"}`, unprocessable, "22008"},
		"the year 0":                   {`{"end_user":"ann","created_at":"0000-01-01T00:00:00Z"}`, unprocessable, "22008"},
		"an epoch in milliseconds":     {`{"end_user":"ann","created_at":1767225600000}`, unprocessable, "22008"},
		"an epoch beyond all numbers":  {`{"end_user":"ann","created_at":1e400}`, unprocessable, "22008"},
		"a day that does not exist":    {`{"end_user":"ann","created_at":"2026-02-30T00:00:00Z"}`, unprocessable, "22007"},
		"no time at all":               {`{"end_user":"ann","created_at":"yesterday-ish"}`, unprocessable, "22007"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			a := s.post(service, strings.NewReader(tt.body))
			if tt.status == 0 { // as a body or as a row: either is clear
				assert.Contains(t, []int{badRequest, unprocessable}, a.status)
			} else {
				assert.Equal(t, tt.status, a.status, a.text)
			}
			if tt.code != "" {
				assert.Equal(t, tt.code, a.Code)
			}
			assert.Zero(t, a.Accepted)
			assert.NotNil(t, a.Errors, "errors is an array, be it empty")
			assert.Less(t, len(a.text), 2000, "the answer does not throw the input back")
			s.requireNothingChanged()
		})
	}
}

func TestATextThatIsTooLongForItsColumnIsRefusedWhereRowsMayBeLarge(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, serverOptions{limits: ingest.Limits{Row: 32 << 20}})
	a := s.log(service, `{"model":"`+strings.Repeat("x", 10<<20)+`"}`, http.StatusUnprocessableEntity)
	assert.Equal(t, store.CodeTooLong, a.Code)
	s.requireNothingChanged()
}

func TestAnEscapedNULMayStandInMessages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.log(service, `{"messages":["a\u0000b"]}`, http.StatusCreated)
	assert.Equal(t, `["a\u0000b"]`, s.cell("messages"))
}

func TestAnyTextIsAUserID(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, id := range []string{
		"ann", "team/ann", "a//b", "/", "team%2Fann", "100%", "%", "%41", "%zz", `it's "quoted"`, "'; DROP TABLE user_profiles; --",
		"ann🙂", "ünï", "漢字", ".", "..", "../..", "a b", "a+b", "a?b=c", "a#b", "a;b", `a\b`, "a&b", "{user_id}", "*", "null",
		"ann@example.com", "\u202egnirts", "a\nb", "é", "e\u0301",
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			body, err := jsonObject("end_user", id, "model", "model of "+id)
			require.NoError(t, err)
			s.log(service, body, http.StatusCreated)

			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+"/v1/users/"+escapeAll(id)+"/analytics", nil)
			require.NoError(t, err)
			r.Header.Set("apikey", s.token(service))
			response, err := s.http.Client().Do(r)
			require.NoError(t, err)
			defer response.Body.Close()
			var row struct {
				UserID string `json:"user_id"`
				Model  string `json:"most_used_model"`
			}
			require.Equal(t, http.StatusOK, response.StatusCode, r.URL.EscapedPath())
			decode(t, response.Body, &row)
			assert.Equal(t, id, row.UserID)
			assert.Equal(t, "model of "+id, row.Model)
		})
	}
}

// escapeAll percent-encodes a text for a path as clients do, dots alone too,
// which would be taken for folders.
func escapeAll(id string) string {
	if strings.Trim(id, ".") == "" {
		return strings.Repeat("%2E", len(id))
	}
	return url.PathEscape(id)
}
