package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

func TestTheAlertsOfARuleThatIsOffOrGoneAreOver(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	rules := a.onlyRules(
		perUser(store.MetricTokens, store.WindowTotal, 10, 100),
		perUser(store.MetricTokens, store.WindowTotal, 20, 100),
		perUser(store.MetricTokens, store.WindowTotal, 30, 100),
	)
	open := func() (ids []int64) {
		for _, alert := range a.alerts() {
			if alert.ResolvedAt == nil {
				ids = append(ids, alert.RuleID)
			}
		}
		return ids
	}
	a.log(`{"end_user":"ann","tokens_used":100}`)
	require.Len(t, open(), 3)

	off := rules[0]
	off.Enabled = false
	a.save(off)
	require.NoError(t, a.DeleteAlertRule(context.Background(), policy.System(), rules[1].ID))
	a.evaluate(false)
	assert.Equal(t, []int64{rules[2].ID}, open())
	assert.Len(t, a.alerts(), 3, "what has been stays to be read")
}
