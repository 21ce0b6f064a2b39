package price_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

func TestHoursAreReadAndWritten(t *testing.T) {
	t.Parallel()
	var h price.Hours
	require.NoError(t, json.Unmarshal([]byte(`{"from":"00:30","to":"16:30:15"}`), &h))
	assert.Equal(t, price.Hours{From: 30 * time.Minute, To: 16*time.Hour + 30*time.Minute + 15*time.Second}, h)
	written, err := json.Marshal(h)
	require.NoError(t, err)
	assert.Equal(t, `{"from":"00:30","to":"16:30:15"}`, string(written))
	assert.Equal(t, "00:30-16:30:15", h.String())

	parsed, err := price.ParseHours(h.String())
	require.NoError(t, err)
	assert.Equal(t, h, *parsed)

	for _, text := range []string{`{"from":"00:30"}`, `{"from":"24:00","to":"01:00"}`, `{"from":"0:3","to":"x"}`, `5`} {
		assert.Error(t, json.Unmarshal([]byte(text), &h), text)
	}
	for _, text := range []string{"", "-", "00:30", "00:30-", "-00:30", "1-2"} {
		_, err := price.ParseHours(text)
		assert.Error(t, err, text)
	}
}

func TestAPriceOfTheDayHoldsAtItsHours(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ hours, at, want string }{
		{"08:00-20:00", "2025-01-01T07:59:59Z", "always"},
		{"08:00-20:00", "2025-01-01T08:00:00Z", "hours"},
		{"08:00-20:00", "2025-01-01T19:59:59.999Z", "hours"},
		{"08:00-20:00", "2025-01-01T20:00:00Z", "always"},
		{"22:00-06:00", "2025-01-01T21:59:59Z", "always"}, // over midnight
		{"22:00-06:00", "2025-01-01T22:00:00Z", "hours"},
		{"22:00-06:00", "2025-01-02T00:00:00Z", "hours"},
		{"22:00-06:00", "2025-01-02T05:59:59Z", "hours"},
		{"22:00-06:00", "2025-01-02T06:00:00Z", "always"},
		{"22:00-06:00", "2025-07-01T01:00:00+02:00", "hours"}, // 23:00 UTC
	} {
		hours, err := price.ParseHours(tt.hours)
		require.NoError(t, err)
		table := price.NewTable([]price.Price{
			{Provider: "acme", Model: "m", Rates: rates(t, `{"input":1}`)},
			{Provider: "acme", Model: "m", Rates: rates(t, `{"input":2}`), Hours: hours},
		})
		entry, ok := table.Find("acme", "m")
		require.True(t, ok)
		p, ok := entry.At(moment(t, tt.at))
		require.True(t, ok)
		assert.Equal(t, tt.want == "hours", p.Hours != nil, "%s at %s", tt.hours, tt.at)
	}
}
