package dashboard_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// alerted returns a server with so many alerts that fire, of u-000 and so on,
// and so many that are over, of o-000 and so on.
func alerted(t testing.TB, open, over int) *server {
	t.Helper()
	s := newServer(t)
	rules, err := s.db.AlertRules(t.Context(), policy.System())
	require.NoError(t, err)
	for _, r := range rules {
		require.NoError(t, s.db.DeleteAlertRule(t.Context(), policy.System(), r.ID))
	}
	for prefix, n := range map[string]int{"o": over, "u": open} {
		for i := range n {
			s.add(fmt.Sprintf(`{"end_user":"%s-%03d","model":"gpt-4o"}`, prefix, i))
		}
	}
	_, err = s.db.SaveAlertRule(t.Context(), policy.System(), store.AlertRule{
		Name: "One request", Metric: store.MetricRequests, Scope: store.ScopeEveryone, PerUser: true,
		Window: store.WindowTotal, Limit: 0.5, Thresholds: []float64{100}, Enabled: true,
	})
	require.NoError(t, err)
	_, err = s.db.EvaluateAlerts(t.Context(), true)
	require.NoError(t, err)
	require.NoError(t, s.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE alerts SET resolved_at = fired_at WHERE user_profile_id LIKE 'o-%'")
		return err
	}))
	return s
}

func TestTheOverviewSaysHowManyMoreAlertsThereAre(t *testing.T) {
	t.Parallel()
	for open, says := range map[int]string{1: "", 3: "", 4: ">1 more alert<", 83: ">80 more alerts<"} {
		page := alerted(t, open, 2).operator().see("/")
		if says == "" {
			hasNot(t, page, " more alert", open)
			continue
		}
		has(t, page, `<a href="/alerts"`+says, open)
	}
}

func TestAnAlertNamesItsRuleAndItsNumbersHaveTheirThousandsApart(t *testing.T) {
	t.Parallel()
	s := alerted(t, 1, 1)
	for name, metric := range map[string]store.Metric{"Many tokens": store.MetricTokens, "Much money": store.MetricCost} {
		_, err := s.db.SaveAlertRule(t.Context(), policy.System(), store.AlertRule{
			Name: name, Metric: metric, Scope: store.ScopeEveryone, Window: store.WindowTotal, Limit: 1234.5, Thresholds: []float64{100}, Enabled: true,
		})
		require.NoError(t, err)
	}
	s.add(`{"end_user":"ann","model":"gpt-4o","tokens_used":5000004024,"total_cost":12345679.42}`)
	_, err := s.db.EvaluateAlerts(t.Context(), true)
	require.NoError(t, err)
	v := s.operator()
	for _, path := range []string{"/", "/alerts"} {
		page := v.see(path)
		for _, want := range []string{
			"cost in total is $12,345,679.42, above 100 % of the limit of $1,234.50.", "tokens in total is 5,000,004,024, above 100 % of the limit of 1,234.5.",
			"<bdi>Many tokens</bdi>", "<bdi>Much money</bdi>",
		} {
			has(t, page, want, path)
		}
	}
	has(t, part(t, v.see("/alerts"), "alerts"), "<bdi>One request · sent nowhere</bdi>", "one that is over, too")
}

// part is the section of that id.
func part(t testing.TB, page, id string) string {
	t.Helper()
	m := regexp.MustCompile(`(?s)<section[^>]* id="` + id + `".*?</section>`).FindString(page)
	require.NotEmpty(t, m, id)
	return m
}

// usersOf are the users that a text links to.
func usersOf(text string) (all []string) {
	for _, m := range regexp.MustCompile(`href="/users/([ou]-\d+)"`).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

func TestAllAlertsAreReachedPageByPage(t *testing.T) {
	t.Parallel()
	v := alerted(t, 83, 60).operator()
	for id, tt := range map[string]struct {
		prefix string
		n      int
	}{"open": {"u-", 83}, "alerts": {"o-", 60}} {
		seen := map[string]bool{}
		pages := 0
		for next := "/alerts"; next != ""; pages++ {
			shown := part(t, v.see(next), id)
			has(t, shown, fmt.Sprintf("%d in all", tt.n), id)
			for _, user := range usersOf(shown) {
				assert.False(t, seen[user], "%s: %s comes twice", id, user)
				assert.True(t, strings.HasPrefix(user, tt.prefix), "%s: %s", id, user)
				seen[user] = true
			}
			next = hrefOf(shown, id+"-older")
		}
		assert.Len(t, seen, tt.n, id)
		assert.Equal(t, 2, pages, id)
	}
	second := hrefOf(v.see("/alerts"), "open-older")
	both := v.see(hrefOf(v.see(second), "alerts-older"))
	assert.Len(t, usersOf(part(t, both, "open")), 33, "the open ones stay where they were")
	assert.Len(t, usersOf(part(t, both, "alerts")), 10)
	assert.Equal(t, 50, len(usersOf(part(t, v.see(hrefOf(both, "open-newer")), "open"))))
}

func TestTheCSVOfAlertsIsThatOfItsTable(t *testing.T) {
	t.Parallel()
	v := alerted(t, 83, 60).operator()
	page := v.see(hrefOf(v.see("/alerts"), "open-older"))
	for id, tt := range map[string]struct {
		prefix string
		n      int
	}{"open": {"u-", 83}, "alerts": {"o-", 60}} {
		rows := records(t, v.get(csvOf(t, page, id)))[1:]
		assert.Len(t, rows, tt.n, id)
		for _, row := range rows {
			assert.True(t, strings.HasPrefix(row[3], tt.prefix), "%s: %s", id, row[3])
			assert.Equal(t, id == "alerts", row[5] != "", "%s: resolved_at", id)
		}
	}
	none := alerted(t, 0, 0).operator().see("/alerts")
	assert.Empty(t, csvOf(t, none, "open"))
	assert.Empty(t, csvOf(t, none, "alerts"))
	has(t, part(t, none, "open"), "All is within its limits.")
}
