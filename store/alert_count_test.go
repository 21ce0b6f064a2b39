package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestAlertsAreCountedOnAllPages(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	first := a.onlyRules(perUser(store.MetricCost, store.WindowTotal, 1))[0]
	a.log(spend("ann", 3), spend("bob", 3), spend("cid", 3))
	require.NoError(t, a.DeleteAlertRule(t.Context(), policy.System(), first.ID))
	a.save(namedRule("another"))
	a.log(spend("ann", 3), spend("bob", 3))
	for name, tt := range map[string]struct {
		of   store.AlertFilter
		want int64
	}{
		"all":                         {store.AlertFilter{}, 5},
		"those that fire":             {store.AlertFilter{State: "firing"}, 2},
		"those that are over":         {store.AlertFilter{State: "resolved"}, 3},
		"a user's":                    {store.AlertFilter{UserID: "ann"}, 2},
		"a user's that fire":          {store.AlertFilter{State: "firing", UserID: "cid"}, 0},
		"nobody's":                    {store.AlertFilter{UserID: "\xff"}, 0},
		"not those of one page alone": {store.AlertFilter{State: "resolved", Before: 2, Limit: 1}, 3},
	} {
		n, err := a.CountAlerts(t.Context(), policy.System(), tt.of)
		require.NoError(t, err, name)
		assert.Equal(t, tt.want, n, name)
	}
	for _, c := range []policy.Caller{{Role: policy.Anon}, {}} {
		_, err := a.CountAlerts(t.Context(), c, store.AlertFilter{})
		assert.Error(t, err, c.Role)
	}
	_, err := a.CountAlerts(t.Context(), storetest.User("ann"), store.AlertFilter{})
	_, listed := a.Alerts(t.Context(), storetest.User("ann"), store.AlertFilter{Limit: 1})
	assert.Equal(t, listed, err, "who may count them may list them")
}
