package parse_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llmtally/llmtally/http/rest/parse"
)

func number(n int64) *int64 { return &n }

// Section 4, Prefer.
func TestPrefer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		headers []string
		want    parse.Prefer
	}{
		"none":                {nil, parse.Prefer{}},
		"empty":               {[]string{"", " , "}, parse.Prefer{}},
		"one":                 {[]string{"count=exact"}, parse.Prefer{Count: "exact"}},
		"joined":              {[]string{"return=minimal,count=planned"}, parse.Prefer{Return: "minimal", Count: "planned"}},
		"joined with spaces":  {[]string{" tx=commit ,   missing=null "}, parse.Prefer{Tx: "commit", Missing: "null"}},
		"repeated":            {[]string{"return=representation", "resolution=merge-duplicates"}, parse.Prefer{Return: "representation", Resolution: "merge-duplicates"}},
		"the first wins":      {[]string{"tx=rollback, tx=commit"}, parse.Prefer{Tx: "rollback"}},
		"over several":        {[]string{"resolution=ignore-duplicates", "resolution=merge-duplicates"}, parse.Prefer{Resolution: "ignore-duplicates"}},
		"the first known one": {[]string{"count=some,count=estimated"}, parse.Prefer{Count: "estimated", Unknown: []string{"count=some"}}},
		"all": {
			[]string{"resolution=merge-duplicates,missing=default,return=headers-only,count=exact,tx=commit,handling=strict,timezone=Europe/Oslo,max-affected=3"},
			parse.Prefer{Resolution: "merge-duplicates", Missing: "default", Return: "headers-only", Count: "exact",
				Tx: "commit", Handling: "strict", Timezone: "Europe/Oslo", MaxAffected: number(3)},
		},
		"lenient":                       {[]string{"handling=lenient"}, parse.Prefer{Handling: "lenient"}},
		"unknown ones in their order":   {[]string{"foo, bar=1", "Count=exact"}, parse.Prefer{Unknown: []string{"foo", "bar=1", "Count=exact"}}},
		"spaces around the equals sign": {[]string{"count = exact"}, parse.Prefer{Unknown: []string{"count = exact"}}},
		"max-affected no number":        {[]string{"max-affected=abc,max-affected=4"}, parse.Prefer{}},
		"max-affected first":            {[]string{"max-affected=5,max-affected=4"}, parse.Prefer{MaxAffected: number(5)}},
		"max-affected without a value":  {[]string{"max-affected"}, parse.Prefer{Unknown: []string{"max-affected"}}},
		"timezone first":                {[]string{"timezone=UTC,timezone=CET"}, parse.Prefer{Timezone: "UTC"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, parse.ParsePrefer(c.headers))
		})
	}
}

func TestPreferenceApplied(t *testing.T) {
	t.Parallel()
	all := parse.ParsePrefer([]string{
		"max-affected=3,timezone=UTC,handling=strict,tx=rollback,count=exact,return=minimal,missing=default,resolution=merge-duplicates,foo",
	})
	for _, c := range []struct {
		action parse.Action
		target bool
		want   string
	}{
		{parse.Read, true, "count=exact, tx=rollback, handling=strict, timezone=UTC"},
		{parse.Insert, true, "resolution=merge-duplicates, missing=default, return=minimal, count=exact, tx=rollback, handling=strict, timezone=UTC"},
		{parse.Insert, false, "missing=default, return=minimal, count=exact, tx=rollback, handling=strict, timezone=UTC"},
		{parse.Update, true, "missing=default, return=minimal, count=exact, tx=rollback, handling=strict, timezone=UTC, max-affected=3"},
		{parse.Delete, true, "return=minimal, count=exact, tx=rollback, handling=strict, timezone=UTC, max-affected=3"},
		{parse.Put, true, "return=minimal, count=exact, tx=rollback, handling=strict, timezone=UTC"},
		{parse.Call, true, "count=exact, tx=rollback, handling=strict, timezone=UTC, max-affected=3"},
	} {
		assert.Equal(t, c.want, all.Applied(c.action, c.target))
	}
	assert.Empty(t, parse.Prefer{}.Applied(parse.Insert, true))
	assert.Empty(t, parse.ParsePrefer([]string{"max-affected=3"}).Applied(parse.Delete, false), "needs strict handling")
}
