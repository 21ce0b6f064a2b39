package v1_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	llmhttp "github.com/llmtally/llmtally/http"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestAChannelsSecretIsWrittenAndNeverShown(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, withChannels)
	const path = "/v1/alert-channels"
	a := s.send(http.MethodPost, service, path, `{"name":"hook","kind":"webhook","target":"https://example.com/hook","secret":"hush-hush"}`)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	assert.Equal(t, map[string]any{
		"name": "hook", "kind": "webhook", "target": "https://example.com/hook", "has_secret": true, "enabled": true,
		"created_at": "2026-03-31T12:10:00+00:00", "updated_at": "2026-03-31T12:10:00+00:00",
	}, members(t, a.body))
	answers := []answer{a}
	for body, hasSecret := range map[string]bool{`{"enabled":false}`: true, `{}`: true, `{"secret":"hush-hush again"}`: true} {
		changed := s.send(http.MethodPatch, service, path+"/1", body)
		require.Equal(t, http.StatusOK, changed.status, changed.body)
		assert.Equal(t, hasSecret, members(t, changed.body)["has_secret"], body)
		answers = append(answers, changed)
	}
	answers = append(answers, s.get(service, path),
		s.send(http.MethodPost, service, path, `{"name":"hook","kind":"webhook","target":"https://example.com","secret":"hush-hush"}`),
		s.send(http.MethodPost, service, path, `{"name":"bad","kind":"webhook","target":"hush-hush","secret":"hush-hush"}`),
		s.send(http.MethodPost, service, path, `{"name":"bad","kind":"webhook","target":"https://example.com","secret":"whsec_hush-hush"}`))
	for _, a := range answers {
		assert.NotContains(t, a.body, "hush-hush")
		assert.NotContains(t, a.body, `"secret"`)
	}
	cleared := s.send(http.MethodPatch, service, path+"/1", `{"secret":""}`)
	assert.Equal(t, false, members(t, cleared.body)["has_secret"])
}

func TestAChannelThatCannotBeDeliveredToIsRefused(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, withChannels)
	id := s.made("/v1/alert-channels", `{"name":"mine","kind":"webhook","target":"https://example.com"}`)
	before := s.ok(service, "/v1/alert-channels")
	for change, words := range map[string]string{
		`"name":""`:                            "name must have 1 to 200 characters",
		`"name":"a\u0000"`:                     "no NUL",
		`"kind":"pigeon"`:                      "webhook, slack, discord, email",
		`"kind":""`:                            "webhook, slack, discord, email",
		`"target":""`:                          "not a URL",
		`"target":"ftp://example.com"`:         "must begin with https:// or http://",
		`"target":"https://u:p@example.com"`:   "must not have a user or password",
		`"target":"https:///path"`:             "names no host",
		`"target":"https://example.com:99999"`: "from 1 to 65535",
		`"kind":"email","target":"ann"`:        "not one like ann@example.com",
		`"secret":"whsec_?"`:                   "base64 must follow",
		`"target":` + quoted("https://"+strings.Repeat("x", 5000)): "at most 4096 bytes",
		`"url":"https://example.com"`:                              "unexpected property",
		`"has_secret":true`:                                        "unexpected property",
	} {
		t.Run(change, func(t *testing.T) {
			fresh := mergedObject(t, `{"name":"r","kind":"webhook","target":"https://example.com"}`, "{"+change+"}")
			for _, a := range []answer{
				s.send(http.MethodPost, service, "/v1/alert-channels", fresh),
				s.send(http.MethodPatch, service, fmt.Sprintf("/v1/alert-channels/%d", id), "{"+change+"}"),
			} {
				requireProblem(t, a, http.StatusUnprocessableEntity)
				assert.Contains(t, a.body, words)
			}
		})
	}
	requireProblem(t, s.send(http.MethodPost, service, "/v1/alert-channels", `{}`), http.StatusUnprocessableEntity)
	assert.Equal(t, before, s.ok(service, "/v1/alert-channels"))
}

func TestOnlyTheServiceRoleWritesRulesAndChannels(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, withChannels)
	storetest.Append(t, s.db, service, `{"end_user":"ann","tokens_used":1000000}`)
	rules := s.ok(service, "/v1/alert-rules")
	for path, body := range map[string]string{
		"/v1/alert-rules":    `{"name":"r","metric":"cost","limit":5}`,
		"/v1/alert-channels": `{"name":"r","kind":"webhook","target":"https://example.com"}`,
	} {
		for who, status := range map[*policy.Caller]int{
			&nobody: http.StatusUnauthorized, &anon: http.StatusUnauthorized, &ann: http.StatusForbidden, &bob: http.StatusForbidden,
		} {
			for _, a := range []answer{
				s.get(*who, path), s.send(http.MethodPost, *who, path, body), s.send(http.MethodPatch, *who, path+"/1", body),
				s.send(http.MethodPatch, *who, path+"/99", body), s.do(http.MethodDelete, *who, path+"/1"),
			} {
				requireProblem(t, a, status)
				assert.NotContains(t, a.body, "cost in total")
			}
		}
	}
	assert.Equal(t, rules, s.ok(service, "/v1/alert-rules"))
	assert.JSONEq(t, `[]`, s.ok(service, "/v1/alert-channels"))
}

// Rules, channels, alerts and their deliveries are no tables that clients query,
// whoever asks: the service role has /v1.
func TestTheTablesOfAlertsAreNotServedAsTables(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	storetest.Append(t, s.db, service, `{"end_user":"ann","tokens_used":1000000}`)
	for _, table := range []string{
		"alerts", "alert_rules", "alert_channels", "alert_deliveries", "usage_by_tier", "totals_by_tier", "traffic_by_log", "usage_by_log",
	} {
		missing := s.get(service, "/rest/v1/no_such_table")
		for _, caller := range []policy.Caller{anon, ann, service} {
			a := s.get(caller, "/rest/v1/"+table)
			assert.Equal(t, http.StatusNotFound, a.status, a.body)
			assert.Equal(t, strings.ReplaceAll(missing.body, "no_such_table", table), a.body)
			for _, method := range []string{http.MethodPost, http.MethodPatch, http.MethodDelete} {
				assert.Equal(t, http.StatusNotFound, s.send(method, caller, "/rest/v1/"+table+"?id=eq.1", `{"id":1}`).status)
			}
		}
	}
	for _, path := range []string{"user_profiles?select=*,alerts(*)", "request_logs?select=*,alerts(*)"} {
		assert.GreaterOrEqual(t, s.get(ann, "/rest/v1/"+path).status, 400, path)
	}
}

func TestAnErasedUsersAlertsAreGone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	storetest.Append(t, s.db, service, `{"end_user":"ann","tokens_used":1000000}`, `{"end_user":"bob","tokens_used":1000000}`)
	require.Contains(t, s.ok(service, "/v1/alerts"), `"user_id":"ann"`)
	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, service, "/v1/users/ann").status)
	assert.NotContains(t, s.ok(service, "/v1/alerts"), "ann")
	assert.Contains(t, s.ok(service, "/v1/alerts"), `"user_id":"bob"`)
	requireProblem(t, s.get(service, "/v1/users/ann/limits"), http.StatusNotFound)
}

// safeBuffer is a buffer for many goroutines.
type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// Not parallel: it takes over the program's log.
func TestNoLogRepeatsAChannelsSecretOrTarget(t *testing.T) {
	var log safeBuffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	was := slog.Default()
	slog.SetDefault(logger)
	defer slog.SetDefault(was)
	s := newServerWith(t, withChannels)
	handler, err := llmhttp.NewHandler(llmhttp.Config{DB: s.db, Auth: s.auth, V1: withChannels, Log: logger, Version: "test"})
	require.NoError(t, err)
	s.http = httptest.NewServer(handler)
	defer s.http.Close()
	const body = `{"name":"hook","kind":"webhook","target":"https://example.com/hush-path","secret":"hush-secret"}`
	s.made("/v1/alert-channels", body)
	s.send(http.MethodPost, service, "/v1/alert-channels", body)
	s.send(http.MethodPost, ann, "/v1/alert-channels", body)
	s.send(http.MethodPatch, service, "/v1/alert-channels/1", `{"secret":"whsec_hush-secret"}`)
	s.send(http.MethodPatch, service, "/v1/alert-channels/1", `{"secret":"hush-secret","x":1}`)
	// And where something goes wrong here.
	storetest.Refuse(t, s.db, "UPDATE", "alert_channels", "")
	a := s.send(http.MethodPatch, service, "/v1/alert-channels/1", `{"secret":"hush-secret"}`)
	require.Equal(t, http.StatusInternalServerError, a.status, a.body)
	assert.Contains(t, log.String(), "/v1/alert-channels")
	assert.NotContains(t, log.String(), "hush")
	assert.NotContains(t, a.body, "hush")
}
