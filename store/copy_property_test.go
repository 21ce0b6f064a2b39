package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

var errStopped = errors.New("stopped here")

// Whatever happens at the source between copies and between the steps of one,
// and wherever copies stop: one that comes to its end makes the target equal.
func TestACopyIsEqualAfterAnyProgramAndAnyInterruption(t *testing.T) {
	t.Parallel()
	programs := map[engineKind]int{onSQLite: 12, onPostgres: 2}
	if storetest.Required() {
		programs = map[engineKind]int{onSQLite: 40, onPostgres: 8}
	}
	for from := range programs {
		for to, most := range programs {
			t.Run(fmt.Sprintf("from %s to %s", from, to), func(t *testing.T) {
				t.Parallel()
				done, most := 0, min(most, programs[from])
				rapid.Check(t, func(rt *rapid.T) {
					if done < most {
						copyProgram(t, rt, from, to)
						done++
					}
				})
			})
		}
	}
}

// A copyProgram is operations at the source, with copies among them.
func copyProgram(t *testing.T, rt *rapid.T, from, to engineKind) {
	dir, err := os.MkdirTemp(t.TempDir(), "program-*")
	require.NoError(rt, err)
	place := func(e engineKind, name string) string {
		if e == onPostgres {
			return storetest.Postgres(t)
		}
		return filepath.Join(dir, name)
	}
	var opened []*store.DB
	openAt := func(path string) *store.DB {
		db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true})
		require.NoError(rt, err)
		opened = append(opened, db)
		return db
	}
	defer func() {
		for _, db := range opened {
			require.NoError(rt, db.Close())
		}
	}()
	start := place(from, "source.db")
	source, target := openAt(start), openAt(place(to, "target.db"))
	m := machine{rt: rt, db: source}
	program := rapid.SliceOfN(opGen, 60, 120).Draw(rt, "program")
	chances := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "chances"), 1))
	next := 0
	step := func() {
		if next < len(program) {
			switch o := program[next]; o.Kind {
			case "check":
			case "erase":
				if err := source.EraseUser(context.Background(), policy.System(), o.User); !errors.Is(err, store.ErrNotFound) {
					require.NoError(rt, err)
				}
			default:
				m.step(o)
			}
			next++
		}
	}
	for next < len(program) {
		for range 1 + chances.IntN(20) {
			step()
		}
		hook := func(string) error {
			if chances.IntN(3) == 0 {
				step() // the source is written to meanwhile
			}
			if chances.IntN(12) == 0 {
				return errStopped
			}
			return nil
		}
		_, err := source.Copy(context.Background(), target, store.Copying{}.InChunks(1+chances.IntN(30), hook))
		if !errors.Is(err, errStopped) {
			require.NoError(rt, err)
		}
		storetest.RequireClean(t, target)
	}
	_, err = source.Copy(context.Background(), target, store.Copying{}.InChunks(1+chances.IntN(30), nil))
	require.NoError(rt, err)
	storetest.RequireClean(t, target)
	end := place(from, "back.db")
	_, err = target.Copy(context.Background(), openAt(end), store.Copying{})
	require.NoError(rt, err)
	requireEqual(t, start, end)
}
