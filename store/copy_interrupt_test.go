package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

func bothWays(t *testing.T, test func(t *testing.T, from, to engineKind)) {
	for _, c := range []struct{ from, to engineKind }{{onSQLite, onPostgres}, {onPostgres, onSQLite}} {
		t.Run(fmt.Sprintf("from %s to %s", c.from, c.to), func(t *testing.T) {
			t.Parallel()
			test(t, c.from, c.to)
		})
	}
}

func TestACopyThatStopsAtAnyStepGoesOnFromThere(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, from, to engineKind) {
		start := from.fresh(t)
		source, target := open(t, start), open(t, to.fresh(t))
		fillOddly(t, source)
		steps, stopAt := 0, 1
		for finished := false; !finished; stopAt++ {
			steps = 0
			done, err := source.Copy(t.Context(), target, store.Copying{}.InChunks(40, func(string) error {
				if steps++; steps == stopAt {
					return errStopped
				}
				return nil
			}))
			finished = err == nil
			if !finished {
				require.ErrorIs(t, err, errStopped)
			}
			assert.LessOrEqual(t, done.Copied, int64(len(oddLogs())))
			storetest.RequireClean(t, target)
		}
		assert.Greater(t, stopAt, 8, "there were that many steps to stop at")
		back := from.fresh(t)
		copyTo(t, target, open(t, back))
		requireEqual(t, start, back)
	})
}

func TestACopyEndsSoonAfterItsContext(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, from, to engineKind) {
		source, target := open(t, from.fresh(t)), open(t, to.fresh(t))
		fillOddly(t, source)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(80))*time.Millisecond)
			_, err := source.Copy(ctx, target, store.Copying{})
			cancel()
			if err != nil {
				assert.Error(t, ctx.Err())
			}
			storetest.RequireClean(t, target)
		}
		copyTo(t, source, target)
	})
}

func TestASourceIsCopiedWhileItIsWrittenTo(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, from, to engineKind) {
		start := from.fresh(t)
		// The server's own handle, and the command's.
		server, source, target := open(t, start), open(t, start), open(t, to.fresh(t))
		ctx, cancel := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		for w := range 3 {
			writers.Go(func() { writeOnAndOn(ctx, t, server, w) })
		}
		for range 6 {
			_, err := source.Copy(t.Context(), target, store.Copying{}.InChunks(100, func(string) error {
				time.Sleep(time.Millisecond)
				return nil
			}))
			assert.NoError(t, err)
		}
		cancel()
		writers.Wait()
		last := copyTo(t, source, target)
		assert.False(t, last.Compared)
		back := from.fresh(t)
		copyTo(t, target, open(t, back))
		requireEqual(t, start, back)
	})
}

// writeOnAndOn logs, completes, corrects and deletes until ctx ends.
func writeOnAndOn(ctx context.Context, t *testing.T, db *store.DB, writer int) {
	for i := 0; ctx.Err() == nil; i++ {
		call := func(i int) string { return fmt.Sprintf("%d-%d", writer, i) }
		storetest.Append(t, db, policy.System(),
			fmt.Sprintf(`{"end_user":"user-%d","litellm_call_id":%q,"status":"initiated","model":"m"}`, i%7, call(i)),
			fmt.Sprintf(`{"end_user":"user-%d","litellm_call_id":%q,"status":"success","total_cost":0.01}`, i%7, call(i/2)))
		called := query.Is("litellm_call_id", call(i*2/3))
		switch i % 5 {
		case 3:
			runAll(t, db, query.Delete{Relation: "request_logs", Where: called})
		case 4:
			runAll(t, db, query.Update{Relation: "request_logs",
				Set: []query.Assignment{{Column: "response", Value: `{"late":true}`}, {Column: "litellm_call_id", Value: "again-" + call(i)}}, Where: called})
		}
		time.Sleep(time.Millisecond)
	}
}
