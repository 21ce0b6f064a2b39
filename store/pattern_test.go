package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// What a filter's pattern means is PostgreSQL's, whichever engine looks for it.
func TestAPatternMeansTheSameOnEveryEngine(t *testing.T) {
	t.Parallel()
	db := storetest.SQL(t, storetest.Path(t))
	for _, tt := range []struct {
		kind          query.PatternKind
		pattern, text string
		want          bool
	}{
		{query.Like, "a%", "abc", true},
		{query.Like, "A%", "abc", false},
		{query.Like, "a_c", "a\nc", true},
		{query.Like, "a_c", "aäc", true},
		{query.Like, "%", "", true},
		{query.Like, "", "", true},
		{query.Like, "", "a", false},
		{query.Like, `a\%`, "a%", true},
		{query.Like, `a\%`, "ab", false},
		{query.Like, `\a`, "a", true},
		{query.Like, "a.c", "abc", false},
		{query.ILike, "A%", "abc", true},
		{query.ILike, "ÄÖ%", "äöü", true},
		{query.ILike, "жук", "ЖУК", true},
		{query.Match, "b", "abc", true},
		{query.Match, "^b", "abc", false},
		{query.Match, "B", "abc", false},
		{query.Match, "a.c", "a\nc", true},
		{query.Match, "a$", "a\nb", false},
		{query.Match, "^b", "a\nb", false},
		{query.Match, "[^b]c", "a\nc", true},
		{query.Match, `gpt-\d+`, "gpt-4o", true},
		{query.Match, `^\w+$`, "gpt_4o", true},
		{query.Match, `\w`, "ä", false},
		{query.Match, `\ygpt\y`, "a gpt!", true},
		{query.Match, `\ygpt\y`, "agpt!", false},
		{query.Match, `a\Y`, "ab", true},
		{query.Match, `\bgpt`, "gpt", false}, // a backspace
		{query.Match, `\bgpt`, "\bgpt", true},
		{query.Match, `a\Bb`, `a\b`, true},
		{query.Match, `\Aa\Z`, "a", true},
		{query.Match, `\Aa\Z`, "ab", false},
		{query.Match, `a\.b`, "a.b", true},
		{query.Match, `a\.b`, "axb", false},
		{query.Match, "(?i)GPT", "gpt", true},
		{query.Match, "(?:a|b){2}", "ab", true},
		{query.Match, "[[:digit:]]", "7", true},
		{query.Match, `[\d.]+$`, "4.1", true},
		{query.Match, "", "", true},
		{query.IMatch, "^GPT", "gpt-4o", true},
		{query.IMatch, "^Ä", "äb", true},
	} {
		_, err := store.CompilePattern(tt.kind, tt.pattern)
		require.NoError(t, err, tt.pattern)
		var got bool
		require.NoError(t, db.QueryRow("SELECT "+string(tt.kind)+"($1, $2)", tt.text, tt.pattern).Scan(&got), tt.pattern)
		assert.Equal(t, tt.want, got, "%s(%q, %q)", tt.kind, tt.text, tt.pattern)
	}
}

func TestAPatternThatPostgreSQLDoesNotKnowIsRefused(t *testing.T) {
	t.Parallel()
	for kind, patterns := range map[query.PatternKind][]string{
		query.Match:  {"(", "[", "a**", `a\`, `\pL`, `\Qa\E`, `\z`, `\i`, `\1`, "(?=a)"},
		query.IMatch: {")", `\p{Greek}`},
		query.Like:   {`a\`},
		query.ILike:  {`\`},
	} {
		for _, pattern := range patterns {
			_, err := store.CompilePattern(kind, pattern)
			var refused *store.Error
			require.ErrorAs(t, err, &refused, pattern)
			assert.Contains(t, []string{"2201B", "22025"}, refused.Code)
		}
	}
}
