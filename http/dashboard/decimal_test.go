package dashboard

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestACommaStandsBeforeThousandsOnly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"12.50": 12.5, "$1,250": 1250, "1,250.5": 1250.5, " $12,345,678.90 ": 12345678.9, "1250": 1250, "0.1": 0.1, ".5": 0.5,
	} {
		got, err := decimal("the limit", text)
		assert.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"12,50", "1.234,5", "1,25", "12,5", "1,2345", "1234,567", ",500", "1,,250", "1,250,", "0.1,250", "many", ""} {
		_, err := decimal("the limit", text)
		assert.ErrorContains(t, err, "the limit must be a number, as in 12.50 or 1,250", text)
	}
}
