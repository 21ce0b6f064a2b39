package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// Whatever is logged, completed, corrected, deleted and erased, every view and
// function answers as the same question asked of request_logs row by row.
func TestTheBooksEqualTheLogsAfterAnyProgram(t *testing.T) {
	t.Parallel()
	want := int64(500) // operations, twice
	if storetest.Required() {
		want = 5_000
	}
	for _, autoCreate := range []bool{true, false} {
		t.Run(fmt.Sprintf("when users are made as they come: %t", autoCreate), func(t *testing.T) {
			t.Parallel()
			done, failed := int64(0), false
			for !failed && done < want {
				rapid.Check(t, func(rt *rapid.T) {
					if done >= want && !failed {
						return // but a failing program is run again and again, to shrink it
					}
					program := rapid.SliceOfN(opGen, 120, 180).Draw(rt, "program")
					was := failed
					failed = true
					done += runProgram(t, rt, autoCreate, program)
					failed = was
				})
			}
			t.Logf("%d operations", done)
		})
	}
}

// A machine is a database under test, and a second, plain look at its file.
type machine struct {
	rt  *rapid.T
	db  *store.DB
	raw rawReader
}

func runProgram(t *testing.T, rt *rapid.T, autoCreate bool, program []op) (operations int64) {
	path := storetest.Path(t)
	defer storetest.Remove(t, path)
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	db, err := store.Open(t.Context(), path, store.Options{
		AutoCreateUsers: autoCreate, Now: func() time.Time { return now },
	})
	require.NoError(rt, err)
	defer func() { require.NoError(rt, db.Close()) }()
	m := machine{rt: rt, db: db, raw: openRaw(t, rt, path)}
	defer m.raw.close()
	for _, user := range knownUsers[:2] {
		m.addProfile(user)
	}
	for _, o := range program {
		operations += m.step(o)
	}
	m.compare()
	return operations
}

// step does one operation, or several, and returns how many.
func (m machine) step(o op) int64 {
	ctx := context.Background()
	switch o.Kind {
	case "append":
		m.append(ctx, o)
		return int64(len(o.Logs))
	case "update":
		_, err := m.db.Run(ctx, policy.System(), query.Update{
			Relation: "request_logs", Set: assignments(o.Set), Where: o.where(),
		}, nil)
		m.refusalOnly(err)
	case "delete":
		_, err := m.db.Run(ctx, policy.System(), query.Delete{Relation: "request_logs", Where: o.where()}, nil)
		require.NoError(m.rt, err)
	case "erase":
		err := m.db.EraseUser(ctx, policy.System(), o.User)
		if !errors.Is(err, store.ErrNotFound) {
			require.NoError(m.rt, err)
		}
		require.Zero(m.rt, m.raw.count("request_logs", "user_profile_id", o.User))
		require.Zero(m.rt, m.raw.count("user_profiles", "user_id", o.User))
	case "profile":
		m.addProfile(o.User)
	case "check":
		m.check()
	default:
		return 0
	}
	return 1
}

func (m machine) append(ctx context.Context, o op) {
	logs := make([]store.Log, len(o.Logs))
	for i, object := range o.Logs {
		l, _, invalid, err := store.DecodeLog([]byte(object))
		require.NoError(m.rt, err)
		require.NoError(m.rt, invalid)
		logs[i] = l
	}
	verdicts, err := m.db.Append(ctx, o.caller(), logs...)
	require.NoError(m.rt, err)
	require.Len(m.rt, verdicts, len(logs))
	for _, v := range verdicts {
		m.refusalOnly(v.Err)
	}
}

func (m machine) addProfile(user string) {
	_, err := m.db.Run(context.Background(), policy.System(), query.Insert{
		Relation: "user_profiles",
		Set:      []query.Assignment{{Column: "user_id", Value: user}, {Column: "email", Value: user + "@example.com"}},
	}, nil)
	m.refusalOnly(err)
}

// refusalOnly requires that an operation succeeds, or is refused for what it
// asked.
func (m machine) refusalOnly(err error) {
	var refused *store.Error
	if err != nil && !errors.As(err, &refused) {
		require.NoError(m.rt, err)
	}
}

func condition(part string) query.Expr {
	if column, ok := strings.CutSuffix(part, " is null"); ok {
		return query.IsNull{Column: column}
	}
	if column, value, ok := strings.Cut(part, "="); ok {
		return query.Is(column, goValue(column, value))
	}
	column, value, _ := strings.Cut(part, ">")
	return query.Compare{Column: column, Op: query.Gt, Value: goValue(column, value)}
}

func assignments(set []string) []query.Assignment {
	var all []query.Assignment
	for _, s := range set {
		column, value, _ := strings.Cut(s, "=")
		all = append(all, query.Assignment{Column: column, Value: goValue(column, value)})
	}
	return all
}

// goValue returns a JSON text as a value of the column's Go type.
func goValue(column, text string) any {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		panic(err)
	}
	switch v := value.(type) {
	case string:
		if column == "created_at" {
			at, err := store.ParseTimestamp(v, time.Time{})
			if err != nil {
				panic(err)
			}
			return at
		}
	case float64:
		if column == "id" || strings.Contains(column, "tokens") {
			return int64(v)
		}
	}
	return value
}
