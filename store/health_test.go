package store_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// noon is the begin of the hour that the tests of health are about.
var noon = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

func healthOf(t testing.TB, db *store.DB, window string, now time.Time) (store.Health, []store.ModelHealth) {
	t.Helper()
	w, err := store.ParseHealthWindow(window)
	require.NoError(t, err)
	from, to := w.UpTo(now)
	all, models, err := db.Health(t.Context(), policy.System(), from, to)
	require.NoError(t, err)
	return all, models
}

// logAt is a log without a user.
func logAt(at time.Time, members string) string {
	return fmt.Sprintf(`{"created_at":%q%s}`, at.Format(time.RFC3339Nano), members)
}

func TestAnEmptyDatabaseHasNoRates(t *testing.T) {
	t.Parallel()
	all, models := healthOf(t, storetest.Open(t), "24h", noon)
	assert.Equal(t, store.Health{Status: store.HealthUnknown}, all)
	assert.Equal(t, []store.ModelHealth{}, models)
}

func TestOneLogIsEveryPercentile(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), logAt(noon, `,"model":"m","provider":"p","status":"error","response_time":0.00002`))
	one, seconds := 1.0, 0.00002
	want := store.Health{
		Requests: 1, Errors: 1, ErrorRate: &one, P50: &seconds, P95: &seconds, P99: &seconds, Status: store.HealthUnknown,
	}
	all, models := healthOf(t, db, "1h", noon)
	assert.Equal(t, want, all)
	assert.Equal(t, []store.ModelHealth{{Model: "m", Provider: "p", Health: want}}, models)
}

func TestRequestsThatHaveNotEndedAreNeitherErrorsNorTimed(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for i := range 25 {
		storetest.Append(t, db, policy.System(),
			logAt(noon, fmt.Sprintf(`,"status":"initiated","response_time":3,"litellm_call_id":"c%d"`, i)))
	}
	none := 0.0
	all, _ := healthOf(t, db, "1h", noon)
	assert.Equal(t, store.Health{Requests: 25, ErrorRate: &none, Status: store.HealthOK}, all)

	storetest.Append(t, db, policy.System(), `{"litellm_call_id":"c7","status":"failure","response_time":1.5}`)
	all, _ = healthOf(t, db, "1h", noon)
	assert.Equal(t, []int64{25, 1}, []int64{all.Requests, all.Errors}, "the end of a request is no second one")
	assert.InEpsilon(t, 1.5, *all.P50, 0.032)
}

func TestTheVerdictNeedsTwentyRequestsAndMoreThanATenthOfErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		requests, errors int
		want             store.HealthStatus
	}{
		{1, 0, store.HealthUnknown},
		{19, 0, store.HealthUnknown},
		{19, 19, store.HealthUnknown},
		{20, 0, store.HealthOK},
		{20, 2, store.HealthOK},
		{20, 3, store.HealthDegraded},
		{29, 2, store.HealthOK},
		{29, 3, store.HealthDegraded},
		{30, 3, store.HealthOK},
		{100, 10, store.HealthOK},
		{100, 11, store.HealthDegraded},
		{100, 100, store.HealthDegraded},
	} {
		t.Run(fmt.Sprintf("%d of %d", tt.errors, tt.requests), func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			logs := make([]string, tt.requests)
			for i := range logs {
				status := "success"
				if i < tt.errors {
					status = []string{"failure", "error"}[i%2]
				}
				logs[i] = logAt(noon, fmt.Sprintf(`,"status":%q`, status))
			}
			storetest.Append(t, db, policy.System(), logs...)
			all, _ := healthOf(t, db, "1h", noon)
			assert.Equal(t, tt.want, all.Status)
			assert.Equal(t, float64(tt.errors)/float64(tt.requests), *all.ErrorRate)
		})
	}
}

func TestAWindowIsMadeOfWholeUTCHours(t *testing.T) {
	t.Parallel()
	now := noon.Add(10*time.Minute + 7*time.Second)
	for window, from := range map[string]time.Time{
		"1h": noon.Add(-time.Hour), "24h": noon.AddDate(0, 0, -1), "1d": noon.AddDate(0, 0, -1), "7d": noon.AddDate(0, 0, -7),
		"366d": noon.AddDate(0, 0, -366),
	} {
		w, err := store.ParseHealthWindow(window)
		require.NoError(t, err)
		gotFrom, gotTo := w.UpTo(now)
		assert.Equal(t, store.At(from).String(), gotFrom.String(), window)
		assert.Equal(t, store.At(noon.Add(time.Hour)).String(), gotTo.String(), window)
		sameFrom, sameTo := w.UpTo(now.In(time.FixedZone("half an hour off", 5*3600+1800)))
		assert.Equal(t, []store.Timestamp{gotFrom, gotTo}, []store.Timestamp{sameFrom, sameTo}, "in any zone")
		sameFrom, sameTo = w.UpTo(noon)
		assert.Equal(t, []store.Timestamp{gotFrom, gotTo}, []store.Timestamp{sameFrom, sameTo}, "from the hour's first moment")
		sameFrom, sameTo = w.UpTo(noon.Add(time.Hour - time.Microsecond))
		assert.Equal(t, []store.Timestamp{gotFrom, gotTo}, []store.Timestamp{sameFrom, sameTo}, "to its last")
	}
}

func TestALogIsInTheWindowThatItsHourIsIn(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(),
		logAt(noon.Add(-time.Hour-time.Microsecond), `,"model":"before"`),
		logAt(noon.Add(-time.Hour), `,"model":"first"`),
		logAt(noon.Add(time.Hour-time.Microsecond), `,"model":"last"`),
		logAt(noon.Add(time.Hour), `,"model":"after"`))
	_, models := healthOf(t, db, "1h", noon.Add(time.Minute))
	var names []string
	for _, m := range models {
		names = append(names, m.Model)
	}
	assert.Equal(t, []string{"first", "last"}, names)
}

func TestModelsComeWithTheMostRequestsFirst(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for _, l := range []string{
		`"model":"a","provider":"x"`, `"model":"b","provider":"x"`, `"model":"b","provider":"x"`, `"model":"a","provider":"w"`,
		`"model":null,"provider":null`, `"model":"b","provider":"x","end_user":"ann","status":"error"`, `"model":""`,
	} {
		storetest.Append(t, db, policy.System(), logAt(noon, ","+l), logAt(noon.Add(-time.Hour), ","+l))
	}
	all, models := healthOf(t, db, "2h", noon)
	var got []string
	for _, m := range models {
		got = append(got, fmt.Sprintf("%s/%s %d, %d errors", m.Model, m.Provider, m.Requests, m.Errors))
	}
	assert.Equal(t, []string{"b/x 6, 2 errors", "/ 4, 0 errors", "a/w 2, 0 errors", "a/x 2, 0 errors"}, got)
	assert.Equal(t, int64(14), all.Requests, "linked to a user or not")
}

func TestOfVeryManyModelsTheBusiestAreTold(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	logs := []string{logAt(noon, `,"model":"z"`), logAt(noon, `,"model":"z"`)}
	for i := range store.MaxHealthModels + 5 {
		logs = append(logs, logAt(noon, fmt.Sprintf(`,"model":"m%04d"`, i)))
	}
	storetest.Append(t, db, policy.System(), logs...)
	all, models := healthOf(t, db, "1h", noon)
	assert.Len(t, models, store.MaxHealthModels)
	assert.Equal(t, "z", models[0].Model)
	assert.Equal(t, int64(len(logs)), all.Requests, "the whole counts every one")
}

func TestHealthIsTheServiceRolesAlone(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), logAt(noon, `,"end_user":"ann"`))
	for _, caller := range []policy.Caller{{}, storetest.Anon(), storetest.User("ann")} {
		all, models, err := db.Health(t.Context(), caller, store.At(noon), store.At(noon.Add(time.Hour)))
		require.NoError(t, err)
		assert.Zero(t, all.Requests, caller.Role)
		assert.Empty(t, models)
	}
}

func TestAWindowIsHoursAndDays(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"1h": time.Hour, "24h": day, "36h": 36 * time.Hour, "8784h": 366 * day, "1d": day, "7d": 7 * day, "30d": 30 * day,
		"366d": 366 * day, "365d24h": 366 * day, "1d12h": 36 * time.Hour, "0d1h": time.Hour, "1d0h": day, "007d": 7 * day,
	} {
		got, err := store.ParseHealthWindow(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, time.Duration(got), text)
	}
	for _, text := range []string{
		"", "0", "0h", "0d", "0d0h", "24", "d", "h", "dh", "d12h", "1dh", "90m", "60m", "1h30m", "3600s", "1.5h", "-1h", "+1h", " 1h", "1h ",
		"1 h", "1H", "1D", "7 days", "1w", "1h1d", "1h1h", "1d1d", "367d", "366d1h", "8785h", "9999h", "99999h", "1000d",
		"9223372036854775807h", "18446744073709551617h", "١h", "1ｈ", "1h\x00", "all", strings.Repeat("9", 10_000) + "h",
	} {
		_, err := store.ParseHealthWindow(text)
		var refused *store.Error
		require.ErrorAs(t, err, &refused, text)
		assert.Equal(t, store.CodeInvalidText, refused.Code)
		assert.Contains(t, refused.Hint, "7d")
		assert.Less(t, len(refused.Message), 1000, "it does not throw back what was sent")
	}
}

// secondsOf are ways in which response times are spread.
var secondsOf = map[string]func(*rand.Rand) float64{
	"all alike":             func(*rand.Rand) float64 { return 1.234567 },
	"either short or long":  func(r *rand.Rand) float64 { return []float64{0.0009, 60}[r.IntN(2)] },
	"log-normal":            func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64()) },
	"of some microseconds":  func(r *rand.Rand) float64 { return r.Float64() * 40e-6 },
	"tiny":                  func(r *rand.Rand) float64 { return r.Float64() * 1e-6 },
	"very long":             func(r *rand.Rand) float64 { return 1e6 * (1 - r.Float64()/4) },
	"of every magnitude":    func(r *rand.Rand) float64 { return math.Pow(10, 12*r.Float64()-6) },
	"mostly unknown":        func(r *rand.Rand) float64 { return []float64{0, 0, 0, 2.5}[r.IntN(4)] },
	"in steps of a second":  func(r *rand.Rand) float64 { return float64(r.IntN(30)) },
	"many alike, few apart": func(r *rand.Rand) float64 { return []float64{0.5, 0.5, 0.5, 0.5, r.ExpFloat64()}[r.IntN(5)] },
}

// Whatever is logged, corrected and deleted, health is what the logs of the
// window's hours say, one by one.
func TestHealthEqualsTheLogsHoweverTheyChanged(t *testing.T) {
	t.Parallel()
	shapes := slices.Sorted(maps.Keys(secondsOf))
	path := storetest.Path(t)
	db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	rapid.Check(t, func(rt *rapid.T) {
		_, err := db.Run(t.Context(), policy.System(), query.Delete{Relation: "request_logs"}, nil)
		require.NoError(rt, err)
		compareHealth(rt, db, nil)
		seconds := secondsOf[rapid.SampledFrom(shapes).Draw(rt, "times that are")]
		changeLogs(rt, db, rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0)), seconds)
		raw := openRaw(t, rt, path)
		defer raw.close()
		compareHealth(rt, db, raw.logs())
	})
}

// changeLogs logs, corrects and deletes requests of the hours around noon.
func changeLogs(t *rapid.T, db *store.DB, r *rand.Rand, seconds func(*rand.Rand) float64) {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	at := func() time.Time { return noon.Add(time.Duration(r.IntN(5*3600*2)-3*3600*2) * 500 * time.Millisecond) }
	status := func() string { return pick("success", "success", "failure", "error", "initiated", "cancelled") }
	logs := make([]store.Log, 1+r.IntN(100))
	for i := range logs {
		l, _, _, err := store.DecodeLog([]byte(logAt(at(), fmt.Sprintf(`,"model":%q,"provider":%q,"status":%q,"end_user":%q,"response_time":%v`,
			pick("a", "b", ""), pick("x", "y"), status(), pick("ann", ""), seconds(r)))))
		require.NoError(t, err)
		logs[i] = l
	}
	ctx := context.Background()
	verdicts, err := db.Append(ctx, policy.System(), logs...)
	require.NoError(t, err)
	for _, v := range verdicts {
		require.NoError(t, v.Err)
	}
	set := func(column string, value any, where query.Expr) query.Query {
		return query.Update{Relation: "request_logs", Set: []query.Assignment{{Column: column, Value: value}}, Where: where}
	}
	for range 6 {
		from := verdicts[r.IntN(len(logs))].ID
		some := query.And{
			query.Compare{Column: "id", Op: query.Gte, Value: from},
			query.Compare{Column: "id", Op: query.Lte, Value: from + int64(len(logs)/10)},
		}
		change := []query.Query{
			query.Delete{Relation: "request_logs", Where: some},
			set("response_time", seconds(r), some),
			set("response_time", nil, some),
			set("status", status(), some),
			set("created_at", store.At(at()), some),
			set("model", "b", append(some, query.Is("model", "a"))),
		}[r.IntN(6)]
		_, err := db.Run(ctx, policy.System(), change, nil)
		require.NoError(t, err)
	}
}

func compareHealth(t *rapid.T, db *store.DB, logs []rawLog) {
	type key struct{ model, provider string }
	for _, hours := range []time.Duration{0, 1, 2, 5} {
		from, to := noon.Add(-hours*time.Hour), noon.Add(time.Hour)
		inside := filtered(logs, func(l rawLog) bool { return !l.at.Before(from) && l.at.Before(to) })
		all, models, err := db.Health(context.Background(), policy.System(), store.At(from), store.At(to))
		require.NoError(t, err)
		sameHealth(t, inside, all)
		byModel := groupBy(inside, func(l rawLog) key { return key{l.model.String, l.provider.String} })
		require.Len(t, models, len(byModel))
		for _, m := range models {
			sameHealth(t, byModel[key{m.Model, m.Provider}], m.Health)
		}
	}
}

func sameHealth(t *rapid.T, logs []rawLog, got store.Health) {
	sum := totalOf(logs)
	require.Equal(t, sum.requests, got.Requests)
	require.Equal(t, sum.failures, got.Errors)
	require.Equal(t, pointerTo(float64(sum.failures)/float64(max(sum.requests, 1)), sum.requests > 0), got.ErrorRate)
	var times []float64
	for _, l := range logs {
		if l.seconds.Float64 > 0 && l.status.String != "initiated" {
			times = append(times, l.seconds.Float64)
		}
	}
	slices.Sort(times)
	for p, seconds := range map[int]*float64{50: got.P50, 95: got.P95, 99: got.P99} {
		if len(times) == 0 {
			require.Nil(t, seconds)
			continue
		}
		exact := times[(len(times)*p+99)/100-1]
		const halfMicrosecond = 0.5000001e-6 // times are kept in whole ones
		require.NotNil(t, seconds)
		require.InDelta(t, exact, *seconds, max(0.032*exact, halfMicrosecond), "p%d of %d", p, len(times))
	}
}
