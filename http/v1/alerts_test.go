package v1_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	v1 "github.com/llmtally/llmtally/http/v1"
	"github.com/llmtally/llmtally/jobs/notify"
	"github.com/llmtally/llmtally/store/storetest"
)

// withChannels are the settings of a server that checks channels as the program
// does.
var withChannels = v1.Settings{Now: clock, CheckChannel: func(kind, target, secret string) error {
	return notify.Channel{Kind: kind, Target: target, Secret: secret}.Check()
}}

// made requires that something was made, and returns its id.
func (s *server) made(path, body string) int64 {
	s.t.Helper()
	a := s.send(http.MethodPost, service, path, body)
	require.Equal(s.t, http.StatusCreated, a.status, a.body)
	var made struct{ ID int64 }
	require.NoError(s.t, json.Unmarshal([]byte(a.body), &made))
	require.Positive(s.t, made.ID)
	return made.ID
}

// members returns a JSON object without what differs from run to run.
func members(t testing.TB, text string) map[string]any {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &all), text)
	delete(all, "id")
	return all
}

func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestARuleHasDefaultsForWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	plain := map[string]any{
		"name": "r", "metric": "cost", "scope": "everyone", "scope_value": "", "per_user": true, "window": "month", "last_requests": 0.0,
		"min_requests": 20.0, "time_zone": "UTC", "limit": 5.0, "thresholds": []any{100.0}, "enabled": true,
		"created_at": "2026-03-31T12:10:00+00:00", "updated_at": "2026-03-31T12:10:00+00:00",
	}
	for body, differences := range map[string]map[string]any{
		`{"name":"r","metric":"cost","limit":5}`: {},
		`{"name":"r","metric":"tokens","limit":1e15,"scope":"model","scope_value":"m","thresholds":[100,50,50,80]}`: {
			"metric": "tokens", "limit": 1e15, "scope": "model", "scope_value": "m", "per_user": false, "thresholds": []any{50.0, 80.0, 100.0},
		},
		`{"name":"r","metric":"requests","limit":1,"scope":"provider","scope_value":"p","per_user":true}`: {
			"metric": "requests", "limit": 1.0, "scope": "provider", "scope_value": "p",
		},
		`{"name":"r","metric":"failures","limit":0.5,"scope":"user","scope_value":"ann","per_user":false,"window":"week","time_zone":"Asia/Kathmandu"}`: {
			"metric": "failures", "limit": 0.5, "scope": "user", "scope_value": "ann", "window": "week", "time_zone": "Asia/Kathmandu",
		},
		`{"name":"r","metric":"error_rate","limit":1,"scope":"tier","scope_value":"pro","window":"last"}`: {
			"metric": "error_rate", "limit": 1.0, "scope": "tier", "scope_value": "pro", "window": "last", "last_requests": 100.0,
		},
		`{"name":"r","metric":"error_rate","limit":0.1,"window":"last","last_requests":5,"enabled":false}`: {
			"metric": "error_rate", "limit": 0.1, "window": "last", "last_requests": 5.0, "min_requests": 5.0, "enabled": false,
		},
	} {
		t.Run(body, func(t *testing.T) {
			a := s.send(http.MethodPost, service, "/v1/alert-rules", body)
			require.Equal(t, http.StatusCreated, a.status, a.body)
			want := map[string]any{}
			for name, value := range plain {
				want[name] = value
			}
			for name, value := range differences {
				want[name] = value
			}
			assert.Equal(t, want, members(t, a.body))
			var made struct{ ID int64 }
			require.NoError(t, json.Unmarshal([]byte(a.body), &made))
			assert.Contains(t, s.ok(service, "/v1/alert-rules"), strings.TrimSpace(a.body))
			require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, service, fmt.Sprintf("/v1/alert-rules/%d", made.ID)).status)
		})
	}
}

func TestARuleThatMakesNoSenseIsRefusedAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	id := s.made("/v1/alert-rules", `{"name":"mine","metric":"cost","limit":5}`)
	before := s.ok(service, "/v1/alert-rules")
	for change, words := range map[string]string{
		`"name":""`:         "name must have 1 to 200 characters",
		`"name":" \n"`:      "name must have 1 to 200 characters",
		`"name":"a\u0000b"`: "no NUL",
		`"name":` + quoted(strings.Repeat("😀", 201)): "name must have 1 to 200 characters",
		`"metric":"euros"`:  "cost, tokens, requests, failures, error_rate",
		`"scope":"planet"`:  "everyone, tier, user, provider, model",
		`"window":"year"`:   "total, month, week, day, last",
		`"scope":"tier"`:    "scope tier needs a scope_value",
		`"scope_value":"x"`: "scope everyone takes no scope_value",
		`"scope":"user","scope_value":` + quoted(strings.Repeat("x", 1025)): "at most 1024 bytes",
		`"scope":"user","scope_value":"a\u0000"`:                            "scope_value must be text",
		`"window":"last","last_requests":0`:                                 "last_requests from 1 to 10000",
		`"window":"last","last_requests":10001`:                             "last_requests from 1 to 10000",
		`"last_requests":5`:                                                 "for the window last only",
		`"min_requests":-1`:                                                 "min_requests must be from 1 to 10000",
		`"min_requests":10001`:                                              "min_requests must be from 1 to 10000",
		`"metric":"error_rate","limit":0.1,"window":"last","last_requests":5,"min_requests":6`: "min_requests must not be above last_requests",
		`"limit":0`:                              "limit must be above 0",
		`"limit":-1`:                             "limit must be above 0",
		`"limit":1e16`:                           "at most 1000000000000000",
		`"limit":"5"`:                            "expected number",
		`"metric":"error_rate","limit":10`:       "0.1 is 10 %",
		`"thresholds":[0]`:                       "above 0 and at most 1000",
		`"thresholds":[50,1001]`:                 "above 0 and at most 1000",
		`"thresholds":[1,2,3,4,5,6,7,8,9,10,11]`: "at most 10 thresholds",
		`"time_zone":"Mars/Olympus"`:             "unknown time zone",
		`"time_zone":"Local"`:                    "unknown time zone",
		`"enabled":"yes"`:                        "expected boolean",
		`"limits":5`:                             "unexpected property",
		`"id":7`:                                 "unexpected property",
	} {
		t.Run(change, func(t *testing.T) {
			fresh := s.send(http.MethodPost, service, "/v1/alert-rules", mergedObject(t, `{"name":"r","metric":"cost","limit":5}`, "{"+change+"}"))
			requireProblem(t, fresh, http.StatusUnprocessableEntity)
			assert.Contains(t, fresh.body, words)
			changed := s.send(http.MethodPatch, service, fmt.Sprintf("/v1/alert-rules/%d", id), "{"+change+"}")
			requireProblem(t, changed, http.StatusUnprocessableEntity)
			assert.Contains(t, changed.body, words)
		})
	}
	for body, words := range map[string]string{
		`{"metric":"cost","limit":5}`:  "name must have",
		`{"name":"r","limit":5}`:       "unknown metric",
		`{"name":"r","metric":"cost"}`: "limit must be above 0",
		`[]`:                           "expected object",
	} {
		a := s.send(http.MethodPost, service, "/v1/alert-rules", body)
		requireProblem(t, a, http.StatusUnprocessableEntity)
		assert.Contains(t, a.body, words)
	}
	requireProblem(t, s.send(http.MethodPost, service, "/v1/alert-rules", `{`), http.StatusBadRequest)
	assert.Equal(t, before, s.ok(service, "/v1/alert-rules"), "nothing has changed")
}

func mergedObject(t testing.TB, objects ...string) string {
	t.Helper()
	merged := map[string]json.RawMessage{}
	for _, o := range objects {
		require.NoError(t, json.Unmarshal([]byte(o), &merged))
	}
	text, err := json.Marshal(merged)
	require.NoError(t, err)
	return string(text)
}

func TestAPatchChangesWhatItNames(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	path := fmt.Sprintf("/v1/alert-rules/%d", s.made("/v1/alert-rules",
		`{"name":"r","metric":"error_rate","limit":0.5,"window":"last","last_requests":50,"scope":"tier","scope_value":"pro","thresholds":[50,100]}`))
	was := map[string]any{}
	for _, step := range []struct {
		body string
		want map[string]any
	}{
		{`{}`, nil},
		{`{"enabled":false}`, map[string]any{"enabled": false}},
		{`{"window":"last"}`, nil},
		{`{"window":"day"}`, map[string]any{"window": "day", "last_requests": 0.0}},
		{`{"window":"last"}`, map[string]any{"window": "last", "last_requests": 100.0}},
		{`{"scope":"everyone"}`, map[string]any{"scope": "everyone", "scope_value": ""}},
		{`{"metric":"cost","limit":0.000001,"thresholds":[]}`, map[string]any{"metric": "cost", "limit": 0.000001, "thresholds": []any{100.0}}},
		{`{"name":"other","time_zone":"Europe/Berlin","min_requests":7}`, map[string]any{"name": "other", "time_zone": "Europe/Berlin", "min_requests": 7.0}},
	} {
		a := s.send(http.MethodPatch, service, path, step.body)
		require.Equal(t, http.StatusOK, a.status, a.body)
		got := members(t, a.body)
		if step.body == `{}` {
			was = got
		}
		for name, value := range step.want {
			was[name] = value
		}
		require.Equal(t, was, got, step.body)
	}
}

func TestNamesAreTakenOnceAndIDsMustExist(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, withChannels)
	for path, body := range map[string]string{
		"/v1/alert-rules":    `{"name":%s,"metric":"cost","limit":5}`,
		"/v1/alert-channels": `{"name":%s,"kind":"slack","target":"https://hooks.example.com/x"}`,
	} {
		t.Run(path, func(t *testing.T) {
			for _, name := range []string{`a "quoted" name`, "two\nlines", "😀 ünï", strings.Repeat("é", 200), "'; DROP TABLE alerts; --", "%s %d"} {
				id := s.made(path, fmt.Sprintf(body, quoted(name)))
				again := s.send(http.MethodPost, service, path, fmt.Sprintf(body, quoted(name)))
				requireProblem(t, again, http.StatusConflict)
				assert.Contains(t, again.body, "there is one named")
				assert.Contains(t, s.ok(service, path), `"name":`+quoted(name))
				other := s.made(path, fmt.Sprintf(body, quoted("other")))
				requireProblem(t, s.send(http.MethodPatch, service, fmt.Sprintf("%s/%d", path, other), `{"name":`+quoted(name)+`}`), http.StatusConflict)
				require.Equal(t, http.StatusOK, s.send(http.MethodPatch, service, fmt.Sprintf("%s/%d", path, id), `{"name":`+quoted(name)+`}`).status, "its own name is its own")
				for _, gone := range []int64{id, other} {
					require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, service, fmt.Sprintf("%s/%d", path, gone)).status)
					missing := s.do(http.MethodDelete, service, fmt.Sprintf("%s/%d", path, gone))
					requireProblem(t, missing, http.StatusNotFound)
					assert.Contains(t, missing.body, "of that id")
					requireProblem(t, s.send(http.MethodPatch, service, fmt.Sprintf("%s/%d", path, gone), `{"name":"new"}`), http.StatusNotFound)
				}
			}
			requireProblem(t, s.do(http.MethodDelete, service, path+"/x"), http.StatusUnprocessableEntity)
			requireProblem(t, s.send(http.MethodPatch, service, path+"/0", `{"enabled":true}`), http.StatusNotFound)
		})
	}
}

func TestTheLimitsOfAUserSayInAHeaderWhetherAnyIsExceeded(t *testing.T) {
	t.Parallel()
	s := books(t)
	a := s.get(ann, "/v1/users/ann/limits")
	require.Equal(t, http.StatusOK, a.status)
	assert.Equal(t, "false", a.header.Get("Llmtally-Over-Limit"))
	assert.Equal(t, "no-store", a.header.Get("Cache-Control"))
	assert.JSONEq(t, `[
		{"rule_id":1,"rule":"A user's cost in total","metric":"cost","scope":"everyone","scope_value":"","window":"total","window_start":null,
		 "window_end":null,"used":0.350000013,"threshold":10,"remaining":9.649999987,"state":"ok"},
		{"rule_id":2,"rule":"A user's tokens in total","metric":"tokens","scope":"everyone","scope_value":"","window":"total","window_start":null,
		 "window_end":null,"used":1165,"threshold":100000,"remaining":98835,"state":"ok"}]`, a.body)
	s.made("/v1/alert-rules", `{"name":"month","metric":"requests","limit":4,"thresholds":[50,100],"time_zone":"Asia/Kathmandu"}`)
	a = s.get(ann, "/v1/users/ann/limits")
	assert.Equal(t, "true", a.header.Get("Llmtally-Over-Limit"), "five since the first of March in Kathmandu")
	assert.Contains(t, a.body, `"window_start":"2026-02-28T18:15:00+00:00","window_end":"2026-03-31T18:15:00+00:00","used":5,"threshold":4,"remaining":0,"state":"exceeded"`)
	bobs := s.get(bob, "/v1/users/bob/limits")
	assert.Equal(t, "false", bobs.header.Get("Llmtally-Over-Limit"))
	assert.Contains(t, bobs.body, `"used":1,"threshold":4,"remaining":3,"state":"ok"`)
	assert.Equal(t, a.body, s.ok(service, "/v1/users/ann/limits"))
}

func TestTheLimitsOfAUserWithAnyID(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for id, path := range map[string]string{
		`a "b" 'c'`: "a%20%22b%22%20%27c%27", "two\nlines": "two%0Alines", "😀/é": "%F0%9F%98%80%2F%C3%A9", strings.Repeat("x", 200): strings.Repeat("x", 200),
	} {
		storetest.Append(t, s.db, service, `{"end_user":`+quoted(id)+`,"tokens_used":100001}`)
		a := s.get(storetest.User(id), "/v1/users/"+path+"/limits")
		require.Equal(t, http.StatusOK, a.status, a.body)
		assert.Equal(t, "true", a.header.Get("Llmtally-Over-Limit"))
		alerts := s.ok(service, "/v1/alerts?user_id="+path)
		assert.Contains(t, alerts, `"user_id":`+quoted(id))
		assert.Equal(t, 1, strings.Count(alerts, `"rule_id"`))
	}
}

func TestAlertsAreListedNewestFirstByStateUserAndPage(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, withChannels)
	s.made("/v1/alert-channels", `{"name":"hook","kind":"webhook","target":"https://example.com/hook"}`)
	rule := s.made("/v1/alert-rules", `{"name":"few","metric":"requests","limit":1,"window":"total"}`)
	for i := range 3 {
		user := fmt.Sprintf(`{"end_user":"u%d"}`, i)
		storetest.Append(t, s.db, service, user, user)
	}
	list := func(query string) (users []string) {
		var alerts []struct {
			UserID string `json:"user_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(s.ok(service, "/v1/alerts"+query)), &alerts))
		for _, a := range alerts {
			users = append(users, a.UserID)
		}
		return users
	}
	assert.Equal(t, []string{"u2", "u1", "u0"}, list(""))
	assert.Equal(t, []string{"u2", "u1"}, list("?limit=2"))
	assert.Equal(t, []string{"u0"}, list("?before=2"))
	assert.Equal(t, []string{"u1"}, list("?user_id=u1"))
	assert.Empty(t, list("?user_id=ann"))
	assert.Empty(t, list("?state=resolved"))
	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, service, fmt.Sprintf("/v1/alert-rules/%d", rule)).status)
	assert.Empty(t, list("?state=firing"))
	assert.Equal(t, []string{"u2", "u1", "u0"}, list("?state=resolved"))
	for _, query := range []string{"?state=gone", "?limit=0", "?limit=1001", "?before=0", "?before=x"} {
		requireProblem(t, s.get(service, "/v1/alerts"+query), http.StatusUnprocessableEntity)
	}
	assert.JSONEq(t, fmt.Sprintf(`[{"id":1,"rule_id":%d,"rule":"few","metric":"requests","scope":"everyone","scope_value":"","user_id":"u0",
		"window":"total","window_start":null,"window_end":null,"threshold":100,"limit":1,"used":2,
		"message":"User \"u0\": requests in total is 2, above 100 %% of the limit of 1.","state":"resolved",
		"fired_at":"2026-03-31T12:10:00+00:00","resolved_at":"2026-03-31T12:10:00+00:00",
		"deliveries":[{"channel":"hook","state":"pending","attempts":0,"delivered_at":null,"next_attempt_at":"2026-03-31T12:10:00+00:00","last_error":""}]}]`, rule),
		s.ok(service, "/v1/alerts?before=2"))
}

// BenchmarkLimits answers how a user stands, over HTTP, with the shipped rules.
func BenchmarkLimits(b *testing.B) {
	s := newServer(b)
	storetest.Append(b, s.db, service, `{"end_user":"ann","tokens_used":7,"total_cost":0.5}`)
	token := s.token(ann)
	b.ResetTimer()
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.http.URL+"/v1/users/ann/limits", nil)
		require.NoError(b, err)
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := s.http.Client().Do(r)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(b, err)
		response.Body.Close()
	}
	b.ReportMetric(float64(b.Elapsed()/time.Microsecond)/float64(b.N), "µs/answer")
}
