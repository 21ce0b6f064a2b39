package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/policy"
)

func requestWith(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestTheCallerComesFromTheHeaders(t *testing.T) {
	t.Parallel()
	user := sign(t, jwt.MapClaims{"role": "authenticated", "sub": "ann"})
	service := sign(t, jwt.MapClaims{"role": "service_role"})
	for name, tt := range map[string]struct {
		headers []string
		role    policy.Role
	}{
		"Authorization: Bearer":                     {[]string{"Authorization", "Bearer " + user}, policy.Authenticated},
		"the scheme in lower case":                  {[]string{"Authorization", "bearer " + user}, policy.Authenticated},
		"the scheme in upper case":                  {[]string{"Authorization", "BEARER " + user}, policy.Authenticated},
		"spaces around the token":                   {[]string{"Authorization", "  Bearer   " + user + " "}, policy.Authenticated},
		"apikey alone":                              {[]string{"apikey", service}, policy.Service},
		"apikey as the Python client spells it":     {[]string{"apiKey", service}, policy.Service},
		"Authorization wins over apikey":            {[]string{"Authorization", "Bearer " + user, "apikey", service}, policy.Authenticated},
		"a Basic scheme beside apikey is passed by": {[]string{"Authorization", "Basic YTpi", "apikey", service}, policy.Service},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller, err := atNoon(auth.AnonKey).Caller(requestWith(tt.headers...))
			require.NoError(t, err)
			assert.Equal(t, tt.role, caller.Role)
		})
	}
}

func TestABadAuthorizationIsNotMadeGoodByApikey(t *testing.T) {
	t.Parallel()
	service := sign(t, jwt.MapClaims{"role": "service_role"})
	_, err := atNoon(auth.AnonOpen).Caller(requestWith("Authorization", "Bearer a.b.c", "apikey", service))
	requireRefused(t, err, "PGRST301", "the JWT cannot be decoded")
	_, err = atNoon(auth.AnonOpen).Caller(requestWith("Authorization", "Bearer ", "apikey", service))
	requireRefused(t, err, "PGRST301", "Empty JWT is sent in Authorization header")
}

func TestTheSettingSaysWhoMayBeAnonymous(t *testing.T) {
	t.Parallel()
	const noKey = "no key was sent: put one into Authorization: Bearer or apikey"
	anonKey := sign(t, jwt.MapClaims{"role": "anon"})
	expired := sign(t, jwt.MapClaims{"role": "anon", "exp": 1})
	for name, tt := range map[string]struct {
		anon          auth.Anon
		headers       []string
		code, message string
	}{
		"key: the anon key is anon":              {auth.AnonKey, []string{"apikey", anonKey}, "", ""},
		"key: no key is refused":                 {auth.AnonKey, nil, "PGRST302", noKey},
		"key: a Basic scheme is no key":          {auth.AnonKey, []string{"Authorization", "Basic YTpi"}, "PGRST302", noKey},
		"key: an empty apikey is no key":         {auth.AnonKey, []string{"apikey", ""}, "PGRST302", noKey},
		"open: the anon key is anon":             {auth.AnonOpen, []string{"apikey", anonKey}, "", ""},
		"open: no key is anon":                   {auth.AnonOpen, nil, "", ""},
		"open: a bad token is not anon":          {auth.AnonOpen, []string{"apikey", "garbage"}, "PGRST301", "Expected 3 parts in JWT; got 1"},
		"open: an expired anon key is not anon":  {auth.AnonOpen, []string{"apikey", expired}, "PGRST303", "JWT expired"},
		"off: the anon key is refused":           {auth.AnonOff, []string{"apikey", anonKey}, "PGRST302", "Anonymous access is disabled"},
		"off: a token without a role is refused": {auth.AnonOff, []string{"apikey", sign(t, jwt.MapClaims{})}, "PGRST302", "Anonymous access is disabled"},
		"off: no key is refused":                 {auth.AnonOff, nil, "PGRST302", noKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller, err := atNoon(tt.anon).Caller(requestWith(tt.headers...))
			if tt.code != "" {
				requireRefused(t, err, tt.code, tt.message)
				assert.Zero(t, caller)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, policy.Anon, caller.Role)
		})
	}
}

func TestOffStillKnowsUsersAndTheServiceRole(t *testing.T) {
	t.Parallel()
	for _, role := range []policy.Role{policy.Authenticated, policy.Service} {
		key, err := atNoon(auth.AnonOff).Key(role)
		require.NoError(t, err)
		caller, err := atNoon(auth.AnonOff).Caller(requestWith("apikey", key))
		require.NoError(t, err)
		assert.Equal(t, role, caller.Role)
	}
}

func TestARequestWhoseCallerIsUnknownIsChallenged(t *testing.T) {
	t.Parallel()
	expired := sign(t, jwt.MapClaims{"role": "service_role", "exp": 1})
	for name, tt := range map[string]struct {
		headers   []string
		challenge string
	}{
		"no key":     {nil, `Bearer`},
		"expired":    {[]string{"Authorization", "Bearer " + expired}, `Bearer error="invalid_token", error_description="JWT expired"`},
		"no token":   {[]string{"apikey", "garbage"}, `Bearer error="invalid_token", error_description="Expected 3 parts in JWT; got 1"`},
		"empty":      {[]string{"Authorization", "Bearer"}, `Bearer error="invalid_token", error_description="Empty JWT is sent in Authorization header"`},
		"wrong role": {[]string{"apikey", sign(t, jwt.MapClaims{"role": 1})}, `Bearer error="invalid_token", error_description="the token's role must be a string"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := atNoon(auth.AnonKey).Require(func(w http.ResponseWriter, _ *http.Request, e *auth.Error) {
				w.WriteHeader(http.StatusUnauthorized)
			})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { assert.Fail(t, "the handler was reached") }))
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, requestWith(tt.headers...))
			assert.Equal(t, http.StatusUnauthorized, answer.Code)
			assert.Equal(t, tt.challenge, answer.Header().Get("WWW-Authenticate"))
		})
	}
}

func TestTheHandlerLearnsWhoCalls(t *testing.T) {
	t.Parallel()
	var seen policy.Caller
	handler := atNoon(auth.AnonKey).Require(func(http.ResponseWriter, *http.Request, *auth.Error) {
		assert.Fail(t, "a good token was refused")
	})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = auth.From(r.Context()) }))
	token := sign(t, jwt.MapClaims{"role": "authenticated", "sub": "ann"})
	handler.ServeHTTP(httptest.NewRecorder(), requestWith("Authorization", "Bearer "+token))
	assert.Equal(t, policy.Authenticated, seen.Role)
	assert.Equal(t, "ann", seen.Subject)
	assert.Zero(t, auth.From(t.Context()), "nobody was authenticated here")
}
