package v1_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	v1 "github.com/llmtally/llmtally/http/v1"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// An event is a block of a stream's lines; a comment's has the id alone.
type event struct{ name, id, data, retry string }

// A stream reads events as a browser does.
type stream struct {
	t    testing.TB
	body *bufio.Reader
	last string // the last event's id
	end  context.CancelFunc
}

// open opens a stream that must be answered well.
func (s *server) open(c policy.Caller, path string, headers ...string) *stream {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.http.URL+path, nil)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+s.token(c))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.http.Client().Do(r)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { response.Body.Close() })
	require.Equal(s.t, http.StatusOK, response.StatusCode)
	assert.Equal(s.t, "text/event-stream", response.Header.Get("Content-Type"))
	assert.Equal(s.t, "no-store", response.Header.Get("Cache-Control"))
	st := &stream{t: s.t, body: bufio.NewReader(response.Body), end: cancel}
	first, err := st.next()
	require.NoError(s.t, err)
	assert.Equal(s.t, "2000", first.retry)
	assert.NotEmpty(s.t, first.id, "so that a reconnect goes on from here")
	return st
}

// next reads one block of lines.
func (s *stream) next() (e event, err error) {
	for {
		line, err := s.body.ReadString('\n')
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			return e, nil
		}
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "event":
			e.name = value
		case "id":
			e.id, s.last = value, value
		case "data":
			e.data = value
		case "retry":
			e.retry = value
		default:
			assert.Equal(s.t, ":", line)
		}
	}
}

// events reads so many events, passing over comments.
func (s *stream) events(n int) (all []event) {
	s.t.Helper()
	for len(all) < n {
		e, err := s.next()
		require.NoError(s.t, err)
		if e.name != "" {
			all = append(all, e)
		}
	}
	return all
}

func (s *stream) requests(n int) (all []string) {
	s.t.Helper()
	for _, e := range s.events(n) {
		var a store.Activity
		require.NoError(s.t, json.Unmarshal([]byte(e.data), &a))
		all = append(all, fmt.Sprintf("%s %d", e.name, a.RequestID))
	}
	return all
}

func TestTheStreamSendsRowsOfActivityAsTheyCome(t *testing.T) {
	t.Parallel()
	s := books(t)
	all, own := s.open(service, v1.StreamPath), s.open(ann, v1.StreamPath)
	storetest.Append(t, s.db, service,
		`{"user_profile_id":"ann","model":"openai/gpt-4o","status":"initiated","litellm_call_id":"x"}`,
		`{"user_profile_id":"bob","model":"data: <b>\u2028\nid: 7","status":"success"}`)
	assert.Equal(t, []string{"request 9"}, own.requests(1))
	e := all.events(2)
	assert.Equal(t, "request", e[0].name)
	// The newest first: what the clock of the logs says.
	a := s.ok(service, "/v1/activity?limit=2")
	var rows []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(a), &rows))
	withoutError := func(row json.RawMessage) string { return strings.TrimSuffix(string(row), "}") + `,"error_kind":""}` }
	assert.JSONEq(t, withoutError(rows[1]), e[0].data)
	assert.JSONEq(t, withoutError(rows[0]), e[1].data)
	storetest.Append(t, s.db, service, `{"user_profile_id":"ann","status":"success","litellm_call_id":"x","tokens_used":5}`)
	assert.Equal(t, []string{"completed 9"}, own.requests(1))
	assert.Equal(t, []string{"completed 9"}, all.requests(1))
}

func TestTheStreamSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	s := books(t)
	all, own := s.open(service, v1.StreamPath), s.open(ann, v1.StreamPath)
	storetest.Append(t, s.db, service,
		`{"user_profile_id":"ann","status":"failure","error":{"type":"rate_limit_error","message":"slow down"}}`,
		`{"user_profile_id":"ann","status":"success","error":{"type":"rate_limit_error"}}`,
		`{"user_profile_id":"ann","status":"initiated","litellm_call_id":"x"}`)
	for _, st := range []*stream{all, own} {
		e := st.events(3)
		assert.Contains(t, e[0].data, `"error_kind":"rate_limit_error"`)
		assert.Contains(t, e[1].data, `"error_kind":""`, "it did not fail")
	}
	storetest.Append(t, s.db, service, `{"user_profile_id":"ann","status":"error","litellm_call_id":"x","error":{"message":"no answer"}}`)
	assert.Contains(t, own.events(1)[0].data, `"error_kind":"no answer"`)
	assert.Contains(t, s.get(nobody, "/openapi.json").body, `"error_kind"`)
}

func TestTheStreamAsksWhoCalls(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	assert.Equal(t, http.StatusUnauthorized, s.get(nobody, v1.StreamPath).status)
	a := s.get(anon, v1.StreamPath)
	assert.Equal(t, http.StatusUnauthorized, a.status)
	assert.Contains(t, a.body, "42501")
	a = s.get(ann, v1.StreamPath+"?after=x%20y")
	assert.Equal(t, http.StatusUnprocessableEntity, a.status)
	assert.Contains(t, a.header.Get("Content-Type"), "problem+json")
	a = s.do(http.MethodHead, ann, v1.StreamPath)
	assert.Equal(t, http.StatusOK, a.status)
	assert.Equal(t, "text/event-stream", a.header.Get("Content-Type"))
	assert.Equal(t, http.StatusMethodNotAllowed, s.do(http.MethodPost, ann, v1.StreamPath).status)
}

func TestAStreamGoesOnAfterTheLastEvent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := s.open(service, v1.StreamPath)
	storetest.Append(t, s.db, service, `{"end_user":"ann","status":"initiated","litellm_call_id":"x"}`, `{"end_user":"ann"}`, `{"end_user":"bob"}`)
	assert.Equal(t, []string{"request 1", "request 2"}, first.requests(2))
	first.end()
	v := storetest.Append(t, s.db, service, `{"end_user":"ann","status":"success","litellm_call_id":"x"}`, `{"end_user":"cara"}`)
	want := []string{"completed 1", "request 3", fmt.Sprint("request ", v[1].ID)}
	assert.Equal(t, want, s.open(service, v1.StreamPath, "Last-Event-ID", first.last).requests(3))
	assert.Equal(t, want, s.open(service, v1.StreamPath+"?after="+first.last).requests(3))
	assert.Equal(t, want, s.open(service, v1.StreamPath+"?after=0", "Last-Event-ID", first.last).requests(3),
		"a browser asks for the same address again")
}

func TestAStreamThatIsSilentSaysThatItLives(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, v1.Settings{Now: clock, Streams: v1.StreamSettings{Heartbeat: time.Millisecond}})
	st := s.open(ann, v1.StreamPath)
	e, err := st.next()
	require.NoError(t, err)
	assert.Empty(t, e.name)
	before := e.id
	storetest.Append(t, s.db, service, `{"end_user":"bob"}`)
	for e.id == before {
		e, err = st.next()
		require.NoError(t, err)
	}
	assert.Empty(t, e.name, "others' logs are passed over once, not at each reconnect")
}

func TestThereIsALimitOfStreams(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, v1.Settings{Now: clock, Streams: v1.StreamSettings{Most: 2, Heartbeat: time.Millisecond}})
	first := s.open(ann, v1.StreamPath)
	s.open(bob, v1.StreamPath)
	a := s.get(service, v1.StreamPath)
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.NotEmpty(t, a.header.Get("Retry-After"))
	first.end()
	for a.status == http.StatusServiceUnavailable {
		a = s.do(http.MethodHead, service, v1.StreamPath)
	}
	assert.Equal(t, http.StatusOK, a.status)
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	over := func() time.Time { return moment.Add(time.Hour) }
	s := newServerWith(t, v1.Settings{Now: clock, Streams: v1.StreamSettings{Now: over}})
	assert.NotContains(t, s.ok(ann, v1.StreamPath), "event:")
}
