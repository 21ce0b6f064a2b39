package dashboard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoPriceIsNotNoCost(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add(`{"model":"nobody's own","prompt_tokens":5,"completion_tokens":5}`)
	const figure = `id="figure-cost"`
	_, after, found := strings.Cut(s.operator().see("/"), figure)
	require.True(t, found)
	has(t, after[:200], ">–<", "no price is known")
	s.add(`{"model":"free","prompt_tokens":5,"completion_tokens":5,"total_cost":0.5}`)
	_, after, _ = strings.Cut(s.operator().see("/"), figure)
	has(t, after[:200], ">$0.50<")
}
