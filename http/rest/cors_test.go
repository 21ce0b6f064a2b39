package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAPageOfAnyOriginMayAskWithEveryHeaderThatClientsSend(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{"/request_logs", "/rpc/get_user_token_breakdown", "/no_such"} {
		got := s.do(t, "none", http.MethodOptions, path, "", "Origin", "https://example.com", "Access-Control-Request-Method", "PATCH",
			"Access-Control-Request-Headers", "apikey,authorization,x-supabase-client-platform,x-my-own")
		assert.Equal(t, http.StatusOK, got.status, path)
		assert.Empty(t, got.body)
		assert.Equal(t, "*", got.header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, "86400", got.header.Get("Access-Control-Max-Age"))
		assert.Contains(t, got.header.Get("Access-Control-Allow-Headers"), "x-my-own")
		for _, method := range []string{"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"} {
			assert.Contains(t, got.header.Get("Access-Control-Allow-Methods"), method)
		}
	}
	plain := s.do(t, "none", http.MethodOptions, "/request_logs", "", "Origin", "https://example.com", "Access-Control-Request-Method", "POST")
	for _, name := range []string{
		"apikey", "authorization", "prefer", "content-type", "accept-profile", "content-profile", "x-client-info", "range", "range-unit",
		"x-retry-count", "x-supabase-client-platform",
	} {
		assert.Contains(t, strings.Split(plain.header.Get("Access-Control-Allow-Headers"), ", "), name)
	}
}

func TestAPageReadsTheHeadersOfAnyAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for what, got := range map[string]answer{
		"an answer":    s.do(t, "service", http.MethodGet, "/user_profiles", "", "Origin", "https://example.com"),
		"an error":     s.do(t, "service", http.MethodGet, "/no_such", "", "Origin", "https://example.com"),
		"no key":       s.do(t, "none", http.MethodGet, "/user_profiles", "", "Origin", "https://example.com"),
		"a bad one":    s.do(t, "none", http.MethodPost, "/user_profiles", "", "Origin", "https://example.com", "Authorization", "Bearer x"),
		"nothing here": s.do(t, "service", http.MethodGet, "/a/b", "", "Origin", "https://example.com"),
	} {
		assert.Equal(t, "*", got.header.Get("Access-Control-Allow-Origin"), what)
		exposed := strings.Split(got.header.Get("Access-Control-Expose-Headers"), ", ")
		assert.Subset(t, exposed, []string{"Content-Range", "Content-Location", "Content-Type", "Location", "Range-Unit"}, what)
	}
}

func TestTheKeyMayStandInEitherHeader(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ann, anon := s.key(t, "ann"), s.key(t, "anon")
	for what, headers := range map[string][]string{
		"apikey alone":              {"apikey", ann},
		"as Python spells it":       {"apiKey", ann},
		"Authorization alone":       {"Authorization", "Bearer " + ann},
		"bearer in small letters":   {"Authorization", "bearer " + ann},
		"Authorization comes first": {"apikey", anon, "Authorization", "Bearer " + ann},
	} {
		got := s.do(t, "none", http.MethodGet, "/user_profiles?select=user_id", "", headers...)
		assert.Equal(t, `[{"user_id":"ann"}]`, got.body, what)
	}
}
