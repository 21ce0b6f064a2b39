package ingest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/ingest"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestEachFormOfBodyIsStored(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body  string
		count int64
	}{
		"an object":     {`{"end_user":"ann","model":"gpt-4o"}`, 1},
		"an array":      {array(`{"end_user":"ann"}`, `{"end_user":"ann"}`), 2},
		"NDJSON":        {lines(`{"end_user":"ann"}`, `{"end_user":"ann"}`, `{"end_user":"ann"}`), 3},
		"null items":    {array("null", `{"end_user":"ann"}`, "null"), 1},
		"several lines": {"{\n \"end_user\": \"ann\"\n}\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			a := s.log(service, tt.body, http.StatusCreated)
			assert.Equal(t, ingest.Result{Accepted: int(tt.count), Errors: []ingest.RowError{}}, a.Result)
			assert.Equal(t, tt.count, s.logs())
			assert.Equal(t, int64(1), s.users())
			storetest.RequireClean(t, s.db)
		})
	}
}

func TestAnEmptyArrayIsAcceptedAndStoresNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.log(service, "[]", http.StatusCreated)
	assert.Equal(t, ingest.Result{Errors: []ingest.RowError{}}, a.Result)
	s.requireNothingChanged()
}

func TestTheContentTypeDoesNotMatter(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i, contentType := range []string{
		"", "application/json", "application/x-ndjson", "text/plain", "text/csv", "nonsense",
		"application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
	} {
		a := s.post(service, strings.NewReader(lines(`{"model":"a"}`, `{"model":"b"}`)), "Content-Type", contentType)
		require.Equal(t, http.StatusCreated, a.status, contentType)
		assert.Equal(t, int64(2*(i+1)), s.logs())
	}
}

func TestALogIsCompletedFromWhatItSays(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.log(service, `{"end_user":"ann","model":"openai/gpt-4o","response":{"usage":{"prompt_tokens":10,"completion_tokens":5,
		"prompt_tokens_details":{"cached_tokens":4},"cache_read_input_tokens":4}},"total_cost":0.25,"response_time":1.5}`, http.StatusCreated)
	for column, want := range map[string]any{
		"status": "success", "provider": "openai", "user_profile_id": "ann", "prompt_tokens": int64(10),
		"completion_tokens": int64(5), "tokens_used": int64(15), "cache_read_tokens": int64(4), "total_cost": 0.25,
		"response_time": 1.5, "litellm_call_id": nil,
	} {
		assert.Equal(t, want, s.cell(column), column)
	}
}

func TestOnlyAnAbsentStatusIsTakenForSuccess(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`{}`: "success", `{"status":""}`: "success", `{"status":null}`: "success", `{"status":"FAILURE"}`: "failure",
		`{"status":"initiated"}`: "initiated", `{"status":"Cancelled"}`: "cancelled",
	} {
		s := newServer(t)
		s.log(service, sent, http.StatusCreated)
		assert.Equal(t, want, s.cell("status"), sent)
	}
}

// thousand returns that many rows, the one at bad being the one given.
func thousand(bad int, row string) []string {
	rows := make([]string, 1000)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"end_user":"ann","litellm_call_id":"call-%d","tokens_used":1}`, i)
	}
	rows[bad] = row
	return rows
}

func TestOneBadRowAmongAThousandCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	const bad = `{"end_user":"ann","tokens_used":-1}`
	for name, form := range map[string]func(...string) string{"an array": array, "NDJSON": lines} {
		for _, at := range []int{0, 500, 999} {
			t.Run(fmt.Sprintf("%s, row %d", name, at), func(t *testing.T) {
				t.Parallel()
				s := newServer(t)
				a := s.log(service, form(thousand(at, bad)...), http.StatusMultiStatus)
				assert.Equal(t, 999, a.Accepted)
				assert.Equal(t, 1, a.Rejected)
				require.Len(t, a.Errors, 1)
				assert.Equal(t, at, a.Errors[0].Index)
				assert.Equal(t, store.CodeOutOfRange, a.Errors[0].Code)
				assert.Contains(t, a.Errors[0].Message, "tokens_used")
				assert.Equal(t, int64(999), s.logs())
				storetest.RequireClean(t, s.db)
			})
		}
	}
}

func TestErrorsAreNamedByTheirPlaceAmongTheRowsThatAreNotNull(t *testing.T) {
	t.Parallel()
	rows := []string{"null", `{"model":"a"}`, "null", `{"tokens_used":"x"}`, `{"model":"b"}`, "null", `{"user_profile_id":"nobody"}`, "7", "null"}
	for name, form := range map[string]func(...string) string{"an array": array, "NDJSON": func(rows ...string) string { return lines(rows[1:]...) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServerWith(t, serverOptions{}) // users are not made as they come
			a := s.log(service, form(rows...), http.StatusMultiStatus)
			assert.Equal(t, 2, a.Accepted)
			assert.Equal(t, 3, a.Rejected)
			var places []string
			for _, e := range a.Errors {
				places = append(places, fmt.Sprint(e.Index, " ", e.Code))
			}
			assert.Equal(t, []string{"1 22P02", "3 23503", "4 PGRST102"}, places, "in the body's order, whoever refused them")
		})
	}
}

func TestABodyWithoutOneGoodRowIsAProblem(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.log(service, array(`{"tokens_used":"x"}`, `{"total_cost":-1}`), http.StatusUnprocessableEntity)
	assert.Equal(t, 2, a.Rejected)
	assert.Zero(t, a.Accepted)
	assert.Equal(t, "22P02", a.Code)
	assert.Contains(t, a.Detail, "none of 2 logs is stored")
	require.Len(t, a.Errors, 2)
	s.requireNothingChanged()
}

func TestTheAnswerNamesAThousandRefusedRowsAndCountsAll(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.log(service, lines(slices.Repeat([]string{`{"tokens_used":-1}`}, 1500)...), http.StatusUnprocessableEntity)
	assert.Equal(t, 1500, a.Rejected)
	require.Len(t, a.Errors, 1000)
	assert.Equal(t, 999, a.Errors[999].Index)
	s.requireNothingChanged()
}

func TestARequestSentAgainIsAcceptedAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	one := `{"end_user":"ann","litellm_call_id":"c1","tokens_used":7}`
	s.log(service, one, http.StatusCreated)
	a := s.log(service, array(one, `{"litellm_call_id":"c1","tokens_used":9}`, `{"litellm_call_id":"c2","end_user":"ann"}`), http.StatusCreated)
	assert.Equal(t, ingest.Result{Accepted: 3, Duplicates: 2, Errors: []ingest.RowError{}}, a.Result)
	analytics, err := s.db.Analytics(t.Context(), service, "ann")
	require.NoError(t, err)
	assert.Equal(t, int64(2), analytics.TotalRequests)
	assert.Equal(t, int64(7), analytics.TotalTokensFromLogs)
	storetest.RequireClean(t, s.db)
}

func TestAnInitiatedRequestIsCompletedThroughTheSameDoor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.log(service, `{"end_user":"ann","litellm_call_id":"c1","status":"initiated","model":"gpt-4o"}`, http.StatusCreated)
	a := s.log(service, `{"litellm_call_id":"c1","status":"success","tokens_used":7,"response_time":2}`, http.StatusCreated)
	assert.Zero(t, a.Duplicates)
	assert.Equal(t, int64(1), s.logs())
	assert.Equal(t, "success", s.cell("status"))
	assert.Equal(t, "gpt-4o", s.cell("model"))
	assert.Equal(t, int64(7), s.cell("tokens_used"))
	late := s.log(service, `{"litellm_call_id":"c1","status":"initiated","model":"late"}`, http.StatusCreated)
	assert.Equal(t, 1, late.Duplicates)
	assert.Equal(t, "gpt-4o", s.cell("model"), "a start that comes late changes nothing")
	storetest.RequireClean(t, s.db)
}
