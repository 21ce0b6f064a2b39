package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/policy"
)

var (
	secret = []byte("a secret of at least thirty-two bytes")
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// atNoon returns an authenticator whose clock stands at noon.
func atNoon(anon auth.Anon) *auth.Authenticator {
	return auth.New(secret, anon, func() time.Time { return noon })
}

// sign returns a token that was made elsewhere, with the same secret.
func sign(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	return signAs(t, jwt.SigningMethodHS256, secret, claims)
}

func signAs(t testing.TB, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	require.NoError(t, err)
	return token
}

func requireRefused(t testing.TB, err error, code, message string) {
	t.Helper()
	var refused *auth.Error
	require.True(t, errors.As(err, &refused), "got %v", err)
	assert.Equal(t, code, refused.Code)
	assert.Equal(t, message, refused.Message)
	assert.Equal(t, message, refused.Error())
}

func TestATokenStandsForItsCaller(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		claims  jwt.MapClaims
		role    policy.Role
		subject string
	}{
		"the role of a user with a subject": {jwt.MapClaims{"role": "authenticated", "sub": "ann"}, policy.Authenticated, "ann"},
		"a user without a subject":          {jwt.MapClaims{"role": "authenticated"}, policy.Authenticated, ""},
		"a subject that is not a string":    {jwt.MapClaims{"role": "authenticated", "sub": 7}, policy.Authenticated, ""},
		"a subject of any text":             {jwt.MapClaims{"role": "authenticated", "sub": "a/b 'ü' 🙂"}, policy.Authenticated, "a/b 'ü' 🙂"},
		"the service role":                  {jwt.MapClaims{"role": "service_role"}, policy.Service, ""},
		"the anon role":                     {jwt.MapClaims{"role": "anon"}, policy.Anon, ""},
		"no role is anon":                   {jwt.MapClaims{"sub": "ann"}, policy.Anon, "ann"},
		"no claims at all is anon":          {jwt.MapClaims{}, policy.Anon, ""},
		"an audience is not looked at":      {jwt.MapClaims{"role": "service_role", "aud": "elsewhere"}, policy.Service, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller, err := atNoon(auth.AnonKey).Verify(sign(t, tt.claims))
			require.NoError(t, err)
			assert.Equal(t, tt.role, caller.Role)
			assert.Equal(t, tt.subject, caller.Subject)
			assert.Len(t, caller.Claims, len(tt.claims), "all claims are handed on")
		})
	}
}

func TestARoleThatDoesNotExistIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		role    any
		message string
	}{
		"an unknown role":             {"postgres", `role "postgres" does not exist`},
		"an empty role":               {"", `role "" does not exist`},
		"another case is another one": {"Service_Role", `role "Service_Role" does not exist`},
		"a number":                    {1, "the token's role must be a string"},
		"a list":                      {[]string{"service_role"}, "the token's role must be a string"},
		"null":                        {nil, "the token's role must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := atNoon(auth.AnonKey).Verify(sign(t, jwt.MapClaims{"role": tt.role}))
			requireRefused(t, err, "22023", tt.message)
		})
	}
}

func TestClocksMayDifferByThirtySeconds(t *testing.T) {
	t.Parallel()
	at := func(seconds int64) int64 { return noon.Unix() + seconds }
	for name, tt := range map[string]struct {
		claim   string
		value   int64
		message string
	}{
		"expires later":                      {"exp", at(60), ""},
		"expired 29 seconds ago":             {"exp", at(-29), ""},
		"expired 31 seconds ago":             {"exp", at(-31), "JWT expired"},
		"expired when the epoch began":       {"exp", 0, "JWT expired"},
		"valid since a minute":               {"nbf", at(-60), ""},
		"valid in 29 seconds":                {"nbf", at(29), ""},
		"valid in 31 seconds":                {"nbf", at(31), "JWT not yet valid"},
		"issued a minute ago":                {"iat", at(-60), ""},
		"issued in 29 seconds":               {"iat", at(29), ""},
		"issued in 31 seconds":               {"iat", at(31), "JWT issued at future"},
		"issued long ago and without an end": {"iat", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller, err := atNoon(auth.AnonKey).Verify(sign(t, jwt.MapClaims{"role": "service_role", tt.claim: tt.value}))
			if tt.message == "" {
				require.NoError(t, err)
				assert.Equal(t, policy.Service, caller.Role)
				return
			}
			requireRefused(t, err, "PGRST303", tt.message)
			assert.Zero(t, caller, "a refused token stands for nobody")
		})
	}
}

func TestATimeClaimThatIsNotANumberIsRefused(t *testing.T) {
	t.Parallel()
	for _, claim := range []string{"exp", "nbf", "iat"} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			_, err := atNoon(auth.AnonKey).Verify(sign(t, jwt.MapClaims{"role": "service_role", claim: "tomorrow"}))
			requireRefused(t, err, "PGRST303", "The JWT '"+claim+"' claim must be a number")
		})
	}
}

func TestATokenThatWasNotSignedWithTheSecretIsRefused(t *testing.T) {
	t.Parallel()
	claims := jwt.MapClaims{"role": "service_role"}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	const wrongAlgorithm, wrongKey = "Wrong or unsupported encoding algorithm", "No suitable key or wrong key type"
	for name, tt := range map[string]struct{ token, message string }{
		"not signed at all":          {signAs(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims), wrongAlgorithm},
		"signed by HS512":            {signAs(t, jwt.SigningMethodHS512, secret, claims), wrongAlgorithm},
		"signed by HS384":            {signAs(t, jwt.SigningMethodHS384, secret, claims), wrongAlgorithm},
		"signed by RS256":            {signAs(t, jwt.SigningMethodRS256, rsaKey, claims), wrongAlgorithm},
		"another secret":             {signAs(t, jwt.SigningMethodHS256, []byte("another secret"), claims), wrongKey},
		"an empty secret":            {signAs(t, jwt.SigningMethodHS256, []byte{}, claims), wrongKey},
		"a payload that was changed": {tampered(t, sign(t, jwt.MapClaims{"role": "anon"})), wrongKey},
		"a signature cut off":        {cutSignature(sign(t, claims)), wrongKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := atNoon(auth.AnonOpen).Verify(tt.token)
			requireRefused(t, err, "PGRST301", tt.message)
		})
	}
}

// tampered gives a token another payload under its old signature.
func tampered(t testing.TB, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	payload, err := json.Marshal(map[string]string{"role": "service_role"})
	require.NoError(t, err)
	parts[1] = base64.RawURLEncoding.EncodeToString(payload)
	return strings.Join(parts, ".")
}

func cutSignature(token string) string { return token[:strings.LastIndexByte(token, '.')+1] }

func TestWhatIsNoTokenIsRefused(t *testing.T) {
	t.Parallel()
	whole := sign(t, jwt.MapClaims{"role": "service_role"})
	for name, tt := range map[string]struct{ token, message string }{
		"empty":                        {"", "Empty JWT is sent in Authorization header"},
		"one part":                     {"garbage", "Expected 3 parts in JWT; got 1"},
		"two parts":                    {whole[:strings.LastIndexByte(whole, '.')], "Expected 3 parts in JWT; got 2"},
		"four parts":                   {whole + ".more", "Expected 3 parts in JWT; got 4"},
		"three parts of garbage":       {"a.b.c", "the JWT cannot be decoded"},
		"three empty parts":            {"..", "the JWT cannot be decoded"},
		"a header that is not JSON":    {"Z2FyYmFnZQ." + strings.SplitN(whole, ".", 2)[1], "the JWT cannot be decoded"},
		"bytes that are not printable": {"\x00.\xff.\x01", "the JWT cannot be decoded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := atNoon(auth.AnonOpen).Verify(tt.token)
			requireRefused(t, err, "PGRST301", tt.message)
		})
	}
}

func TestKeysAreStableAndNeverExpire(t *testing.T) {
	t.Parallel()
	for _, role := range policy.Roles() {
		first, err := atNoon(auth.AnonKey).Key(role)
		require.NoError(t, err)
		later := auth.New(secret, auth.AnonKey, func() time.Time { return noon.AddDate(50, 0, 0) })
		second, err := later.Key(role)
		require.NoError(t, err)
		assert.Equal(t, first, second, "the same secret gives the same key each time")
		caller, err := later.Verify(first)
		require.NoError(t, err)
		assert.Equal(t, role, caller.Role)

		other, err := auth.New([]byte("another secret"), auth.AnonKey, nil).Key(role)
		require.NoError(t, err)
		assert.NotEqual(t, first, other)
	}
}

func TestAUsersTokenExpires(t *testing.T) {
	t.Parallel()
	token, err := atNoon(auth.AnonKey).UserToken("ann", noon, time.Hour)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		now  time.Time
		good bool
	}{
		"at once":                  {noon, true},
		"within its time":          {noon.Add(59 * time.Minute), true},
		"a minute after its time":  {noon.Add(61 * time.Minute), false},
		"an hour before its issue": {noon.Add(-time.Hour), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller, err := auth.New(secret, auth.AnonKey, func() time.Time { return tt.now }).Verify(token)
			require.Equal(t, tt.good, err == nil, "%v", err)
			if tt.good {
				assert.Equal(t, policy.Authenticated, caller.Role)
				assert.Equal(t, "ann", caller.Subject)
			}
		})
	}
}
