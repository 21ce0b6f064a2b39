package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestAUsersMonthsAreUTCsInOrderAndTheirOwn(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(),
		`{"user_profile_id":"ann","created_at":"2026-03-01T00:00:00Z","model":"a","prompt_tokens":5,"completion_tokens":1,"total_cost":0.5}`,
		`{"user_profile_id":"ann","created_at":"2026-01-31T23:59:59Z","model":"a","prompt_tokens":10,"completion_tokens":0,"total_cost":0.1}`,
		`{"user_profile_id":"ann","created_at":"2026-01-01T00:00:00Z","model":"b","prompt_tokens":20,"completion_tokens":0,"total_cost":0.2}`,
		`{"user_profile_id":"bob","created_at":"2026-02-01T00:00:00Z","model":"a","prompt_tokens":7,"completion_tokens":0,"total_cost":9}`,
	)
	month := func(m time.Month) store.Timestamp { return store.At(time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC)) }
	want := []store.UserMonth{
		{Month: month(time.January), Requests: 2, Tokens: 30, Cost: 0.3},
		{Month: month(time.March), Requests: 1, Tokens: 6, Cost: 0.5},
	}
	for _, caller := range []policy.Caller{policy.System(), storetest.User("ann")} {
		months, err := db.UserMonths(t.Context(), caller, "ann")
		require.NoError(t, err)
		assert.Equal(t, want, months)
	}
	months, err := db.UserMonths(t.Context(), storetest.User("bob"), "ann")
	require.NoError(t, err)
	assert.Empty(t, months, "others see none of them")
}
