package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

const (
	startOfAnn    = `{"litellm_call_id":"c","status":"initiated","model":"m","end_user":"ann","messages":[1],"created_at":"2026-01-01T00:00:00Z"}`
	startOfNobody = `{"litellm_call_id":"c","status":"initiated","model":"m","created_at":"2026-01-01T00:00:00Z"}`
	end           = `{"litellm_call_id":"c","status":"success","tokens_used":5,"created_at":"2026-01-02T00:00:00Z"}`
)

// A sent log and who sends it.
type sent struct {
	by  policy.Caller
	log string
}

func TestARequestIsCompletedAsItsSenderMay(t *testing.T) {
	t.Parallel()
	system, anon, ann, bob := policy.System(), storetest.Anon(), storetest.User("ann"), storetest.User("bob")
	tests := []struct {
		name   string
		sent   []sent
		status string
		user   string
		tokens int64
	}{
		{"the service role completes its own", []sent{{system, startOfAnn}, {system, end}}, "success", "ann", 5},
		{"the service role completes anon's", []sent{{anon, startOfNobody}, {system, end}}, "success", "null", 5},
		{"anon completes its own", []sent{{anon, startOfNobody}, {anon, end}}, "success", "null", 5},
		{"anon completes a user's", []sent{{ann, startOfAnn}, {anon, end}}, "success", "ann", 5},
		{"a user completes their own", []sent{{ann, startOfAnn}, {ann, end}}, "success", "ann", 5},
		{"a user completes nobody's, and it becomes theirs", []sent{{anon, startOfNobody}, {ann, end}}, "success", "ann", 5},
		{"a user does not complete another's", []sent{{ann, startOfAnn}, {bob, end}}, "initiated", "ann", 0},
		{"an end without a start stands alone", []sent{{anon, end}}, "success", "null", 5},
		{"an end before its start stands", []sent{{anon, end}, {anon, startOfNobody}}, "success", "null", 5},
		{"a start twice is one start", []sent{{anon, startOfNobody}, {anon, startOfNobody}}, "initiated", "null", 0},
		{"an end twice is one end", []sent{{anon, startOfNobody}, {anon, end}, {anon, end}}, "success", "null", 5},
		{"a start, an end and a start", []sent{{system, startOfAnn}, {system, end}, {system, startOfAnn}}, "success", "ann", 5},
		{"a second end changes nothing, not for anon", []sent{{anon, end}, {anon, `{"litellm_call_id":"c","status":"failure","tokens_used":9}`}}, "success", "null", 5},
		{"nor for a user", []sent{{ann, end}, {ann, `{"litellm_call_id":"c","status":"failure","tokens_used":9}`}}, "success", "ann", 5},
		{"nor for the service role", []sent{{system, end}, {system, `{"litellm_call_id":"c","status":"failure","tokens_used":9,"user_profile_id":"ann"}`}}, "success", "null", 5},
		{"a failure completes as a success does", []sent{{anon, startOfNobody}, {anon, `{"litellm_call_id":"c","status":"FAILURE","error":{"a":1}}`}}, "failure", "null", 0},
		{"the end says who it was, when the start does not", []sent{{anon, startOfNobody}, {system, `{"litellm_call_id":"c","status":"success","end_user":"bob"}`}}, "success", "bob", 0},
		{"the service role may move it to another user", []sent{{system, startOfAnn}, {system, `{"litellm_call_id":"c","status":"success","end_user":"bob"}`}}, "success", "bob", 0},
		{"anon may not move it to another user", []sent{{system, startOfAnn}, {anon, `{"litellm_call_id":"c","status":"success","user_profile_id":"bob"}`}}, "success", "ann", 0},
		{"nor take it away from a user", []sent{{system, startOfAnn}, {anon, `{"litellm_call_id":"c","status":"success","user_profile_id":null,"end_user":null}`}}, "success", "ann", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := openWithAnnAndBob(t, true)
			for _, s := range tt.sent {
				storetest.Append(t, db, s.by, s.log)
				storetest.RequireClean(t, db)
			}
			assert.Equal(t, tt.status, cell(t, db, "request_logs", "status", query.Is("litellm_call_id", "c")))
			assert.Equal(t, tt.user, linkOf(t, db, "c").user)
			assert.Equal(t, tt.tokens, cell(t, db, "request_logs", "tokens_used", query.Is("litellm_call_id", "c")))
		})
	}
}

func TestAStartAndItsEndInOneBatchAreOneRequest(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"in order":             {startOfAnn, end},
		"out of order":         {end, startOfAnn},
		"each twice":           {startOfAnn, startOfAnn, end, end},
		"with an earlier end":  {startOfAnn, `{"litellm_call_id":"c","status":"success","tokens_used":5,"created_at":"2025-01-02T00:00:00Z"}`},
		"with another between": {startOfAnn, `{"end_user":"ann","tokens_used":2,"created_at":"2025-06-01T00:00:00Z"}`, end},
		"with the end moved back, and another between": {
			startOfAnn, `{"end_user":"ann","tokens_used":2,"created_at":"2025-06-01T00:00:00Z"}`,
			`{"litellm_call_id":"c","status":"success","tokens_used":5,"created_at":"2025-01-02T00:00:00Z"}`,
		},
	}
	for name, logs := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			storetest.Append(t, db, policy.System(), logs...)
			n, err := db.Run(t.Context(), policy.System(), query.Select{From: "request_logs", Where: query.Is("litellm_call_id", "c")},
				func(query.Row) error { return nil })
			require.NoError(t, err)
			assert.Equal(t, int64(1), n)
			assert.Equal(t, int64(5), cell(t, db, "request_logs", "tokens_used", query.Is("litellm_call_id", "c")))
			storetest.RequireClean(t, db)
		})
	}
}

func TestACompletionKeepsWhatItDoesNotName(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), startOfAnn)
	storetest.Append(t, db, storetest.Anon(),
		`{"litellm_call_id":"c","status":"success","response_time":0.5,"model":"m2","response":"hello","end_user":""}`)
	for column, want := range map[string]any{
		"messages": "[1]", "created_at": "2026-01-01T00:00:00.000000Z", "end_user": "ann", "user_profile_id": "ann",
		"model": "m2", "response": `"hello"`, "response_time": 0.5, "status": "success", "total_cost": nil,
	} {
		assert.Equal(t, want, cell(t, db, "request_logs", column, query.Is("litellm_call_id", "c")), column)
	}
	storetest.RequireClean(t, db)
}

func TestOnlyACallIDTellsRequestsApart(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	same := `{"litellm_call_id":"","status":"success","model":"m","created_at":"2026-01-01T00:00:00Z"}`
	for _, v := range storetest.Append(t, db, policy.System(), same, same, `{"litellm_call_id":null}`, `{"litellm_call_id":null}`) {
		assert.False(t, v.Duplicate)
		assert.Positive(t, v.ID)
	}
	verdicts := storetest.Append(t, db, policy.System(), `{"litellm_call_id":"C"}`, `{"litellm_call_id":"c"}`, `{"litellm_call_id":7}`, `{"litellm_call_id":"7"}`)
	assert.Equal(t, []bool{false, false, false, true}, duplicates(verdicts), "a number is its text")
}

func duplicates(verdicts []store.Verdict) (all []bool) {
	for _, v := range verdicts {
		all = append(all, v.Duplicate)
	}
	return all
}
