package dashboard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAPageShowsTheBeginningOfALongTableAndCSVAllOfIt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var logs []string
	for i := range 120 {
		logs = append(logs, fmt.Sprintf(`{"end_user":"ann","model":"m-%d","provider":"p-%d","prompt_tokens":5,"completion_tokens":5}`, i, i),
			fmt.Sprintf(`{"end_user":"ann","model":"f-%d","provider":"p-%d","status":"failure","total_cost":0.5,"tokens_used":5}`, i, i))
	}
	s.add(logs...)
	v := s.operator()
	for path, tables := range map[string]map[string][2]int{ // rows shown, rows there are
		"/users/ann": {"models": {50, 240}, "providers": {50, 120}},
		"/prices":    {"unpriced": {50, 120}},
		"/":          {"models": {10, 240}, "errors": {10, 120}, "unpriced": {10, 120}},
	} {
		page := v.see(path)
		for id, rows := range tables {
			table := part(t, page, id)
			assert.Equal(t, rows[0], strings.Count(table, "<tr>")-1, "%s %s", path, id)
			has(t, table, fmt.Sprintf("the first %d of %d, CSV has all", rows[0], rows[1]), path, id)
			assert.Len(t, records(t, v.get(csvOf(t, page, id))), 1+rows[1], "%s %s", path, id)
		}
	}
	advice := part(t, v.see("/users/ann"), "advice")
	assert.Equal(t, 20, strings.Count(advice, "<li>"))
	has(t, advice, "and 101 more")
	has(t, advice, "120 requests to 120 models, with 1,200 tokens, have no cost: ")
	has(t, advice, "llmtally prices set")
	own := part(t, s.user("ann").see("/"), "advice")
	has(t, own, "120 requests to 120 models")
	hasNot(t, own, "llmtally prices set", "which is the operator's to do")

	prices := v.see("/prices")
	assert.Less(t, strings.Index(prices, `<a class="button" href="#set"`), strings.Index(prices, "<table>"), "the form is reached from the top")
}
