package dashboard

import (
	"errors"
	"fmt"
	"strings"

	"github.com/llmtally/llmtally/store"
)

// A budget is how a user stands with a limit, for a person.
type budget struct {
	Rule  string
	Words string // $3.10 of $10 this month
	Share string // 31%
	Bar   string // the same, at most 100%
	State string // ok, warning or bad
	Ends  stamp  // when it starts anew
	part  float64
}

var windowWords = map[store.Window]string{
	store.WindowTotal: "in total", store.WindowMonth: "this month", store.WindowWeek: "this week",
	store.WindowDay: "today", store.WindowLast: "in the last requests",
}

func (v *visit) budgetOf(l store.Limit) budget {
	b := budget{Rule: l.Rule, Share: listedShare(l.Used, l.Threshold), State: limitStates[l.State], Ends: v.stampOf(l.WindowEnd)}
	used, _, _ := strings.Cut(amount(l.Metric, l.Used), " ") // what is counted is said once
	b.Words = fmt.Sprintf("%s of %s %s", used, amount(l.Metric, l.Threshold), windowWords[l.Window])
	if l.Threshold > 0 {
		b.part = l.Used / l.Threshold
	}
	b.Bar = fmt.Sprintf("%.1f%%", 100*min(1, b.part))
	return b
}

var limitStates = map[string]string{store.LimitOK: "ok", store.LimitWarning: "warning", store.LimitExceeded: "bad"}

// amount writes what a rule measures.
func amount(m store.Metric, value float64) string {
	switch m {
	case store.MetricCost:
		return money(value)
	case store.MetricErrorRate:
		return share(value, 1)
	default:
		return count(int64(value)) + " " + string(m)
	}
}

// budgets are how a user stands with each limit.
func (v *visit) budgets(userID string) ([]budget, error) {
	limits, err := v.DB.Limits(v.Context(), v.caller, userID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	all := make([]budget, len(limits))
	for i, l := range limits {
		all[i] = v.budgetOf(l)
	}
	return all, err
}

// tightest is the budget that a user is nearest to the end of; nil without any.
func (v *visit) tightest(userID string) (*budget, error) {
	all, err := v.budgets(userID)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	most := &all[0]
	for i := range all {
		if all[i].part > most.part {
			most = &all[i]
		}
	}
	return most, nil
}
