package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// Whatever is logged, completed, corrected, deleted and erased, late or not, the
// stale months are the ones to rebuild: after that tokens_usage says what
// monthly_token_usage says, and another rebuild finds nothing to do.
func TestTokensUsageEqualsTheLiveMonthsAfterAnyProgram(t *testing.T) {
	t.Parallel()
	want := 1_000 // operations
	if storetest.Required() {
		want = 10_000
	}
	for done, failed := 0, false; done < want && !failed; {
		rapid.Check(t, func(rt *rapid.T) {
			if done >= want && !failed {
				return // but a failing program is run again and again, to shrink it
			}
			program := rapid.SliceOfN(opGen, 40, 80).Draw(rt, "program")
			rebuilds := rapid.SliceOfNDistinct(rapid.IntRange(0, len(program)-1), 0, 6, rapid.ID[int]).Draw(rt, "rebuilds after")
			failed = true
			done += rebuildAmong(t, rt, program, rebuilds)
			failed = false
		})
	}
}

func rebuildAmong(t *testing.T, rt *rapid.T, program []op, rebuilds []int) (operations int) {
	path := storetest.Path(t)
	defer storetest.Remove(t, path)
	clock := newHandClock(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true, Now: clock.now})
	require.NoError(rt, err)
	defer func() { require.NoError(rt, db.Close()) }()
	m := machine{rt: rt, db: db, raw: openRaw(t, rt, path)}
	defer m.raw.close()
	due := map[int]bool{len(program) - 1: true}
	for _, i := range rebuilds {
		due[i] = true
	}
	for i, o := range program {
		operations += int(m.step(o))
		if !due[i] {
			continue
		}
		clock.set(clock.now().Add(time.Second))
		rebuildStale(rt, db)
		requireInLine(rt, db)
	}
	before := kept(rt, db)
	clock.set(clock.now().Add(time.Hour))
	for _, row := range before {
		start, err := time.Parse(time.RFC3339, row.PeriodStart)
		require.NoError(rt, err)
		changed, err := db.RebuildMonth(context.Background(), store.At(start))
		require.NoError(rt, err)
		require.Zero(rt, changed)
	}
	require.Equal(rt, before, kept(rt, db), "to the last column")
	return operations
}
