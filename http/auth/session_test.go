package auth_test

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/policy"
)

func at(t time.Time) *auth.Authenticator {
	return auth.New(secret, auth.AnonKey, func() time.Time { return t })
}

func newSession(t testing.TB, a *auth.Authenticator, c policy.Caller) (string, time.Time) {
	t.Helper()
	token, until, err := a.Session(c)
	require.NoError(t, err)
	return token, until
}

func TestASessionStandsForWhoSignedIn(t *testing.T) {
	t.Parallel()
	for _, c := range []policy.Caller{
		{Role: policy.Service},
		{Role: policy.Authenticated, Subject: "ann"},
		{Role: policy.Authenticated, Subject: "a/b 'ü' 🙂"},
	} {
		token, until := newSession(t, atNoon(auth.AnonKey), c)
		assert.Equal(t, noon.Add(12*time.Hour), until)
		// Another process, and this one after a restart, have the same secret.
		caller, err := atNoon(auth.AnonOff).CallerOf(t.Context(), token)
		require.NoError(t, err)
		assert.Equal(t, c.Role, caller.Role)
		assert.Equal(t, c.Subject, caller.Subject)
	}
}

func TestASessionEndsAfterTwelveHoursOrWithItsToken(t *testing.T) {
	t.Parallel()
	key, until := newSession(t, atNoon(auth.AnonKey), policy.System())
	short, err := atNoon(auth.AnonKey).UserToken("ann", noon, time.Hour)
	require.NoError(t, err)
	ann, err := atNoon(auth.AnonKey).Verify(short)
	require.NoError(t, err)
	users, untilHour := newSession(t, atNoon(auth.AnonKey), ann)
	assert.Equal(t, noon.Add(12*time.Hour), until.UTC())
	assert.Equal(t, noon.Add(time.Hour), untilHour.UTC())
	for name, tt := range map[string]struct {
		session string
		now     time.Time
		good    bool
	}{
		"the key's just before":  {key, noon.Add(12*time.Hour - time.Second), true},
		"the key's at its end":   {key, noon.Add(12 * time.Hour), false},
		"the user's just before": {users, noon.Add(time.Hour - time.Second), true},
		"the user's at its end":  {users, noon.Add(time.Hour), false},
	} {
		_, err := at(tt.now).CallerOf(t.Context(), tt.session)
		assert.Equal(t, tt.good, err == nil, name)
	}
}

func TestATokenThatIsOverBeginsNoSession(t *testing.T) {
	t.Parallel()
	token, err := atNoon(auth.AnonKey).UserToken("ann", noon, time.Hour)
	require.NoError(t, err)
	for late, good := range map[time.Duration]bool{
		-time.Minute: true, -time.Second: true, -time.Millisecond: false, 0: false, 29 * time.Second: false,
	} {
		a := at(noon.Add(time.Hour + late))
		ann, err := a.Verify(token)
		require.NoError(t, err, "%s: a key is still taken", late)
		session, until, err := a.Session(ann)
		if !good {
			requireRefused(t, err, "PGRST303", "JWT expired")
			assert.Empty(t, session, late)
			continue
		}
		require.NoError(t, err, late)
		assert.Equal(t, noon.Add(time.Hour), until.UTC())
		_, err = a.CallerOf(t.Context(), session)
		assert.NoError(t, err, late)
	}
}

func TestNoKeyIsASessionAndNoSessionAKey(t *testing.T) {
	t.Parallel()
	a := atNoon(auth.AnonOpen)
	for _, role := range policy.Roles() {
		key, err := a.Key(role)
		require.NoError(t, err)
		_, err = a.CallerOf(t.Context(), key)
		requireRefused(t, err, "PGRST301", "the session has ended")
	}
	session, _ := newSession(t, a, policy.System())
	_, err := a.Verify(session)
	requireRefused(t, err, "PGRST301", "No suitable key or wrong key type")
}

func TestAForgedSessionIsRefused(t *testing.T) {
	t.Parallel()
	session := jwt.MapClaims{
		"aud": "llmtally-dashboard", "jti": "1", "exp": noon.Add(time.Hour).Unix(), "role": "service_role",
	}
	good, _ := newSession(t, atNoon(auth.AnonKey), policy.System())
	for name, token := range map[string]string{
		"signed with the secret of keys": sign(t, session),
		"signed with another secret":     signAs(t, jwt.SigningMethodHS256, []byte("another secret"), session),
		"not signed":                     signAs(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, session),
		"changed":                        tampered(t, good),
		"cut":                            cutSignature(good),
		"empty":                          "",
		"garbage":                        "a.b.c",
	} {
		caller, err := atNoon(auth.AnonOpen).CallerOf(t.Context(), token)
		require.Error(t, err, name)
		assert.Zero(t, caller, name)
	}
}

func TestASessionThatWasSignedOutIsOver(t *testing.T) {
	t.Parallel()
	a := atNoon(auth.AnonKey)
	first, _ := newSession(t, a, policy.System())
	second, _ := newSession(t, a, policy.System())
	require.NoError(t, a.SignOut(t.Context(), first))
	require.NoError(t, a.SignOut(t.Context(), "what is no session"))
	_, err := a.CallerOf(t.Context(), first)
	requireRefused(t, err, "PGRST301", "the session has ended")
	_, err = a.CallerOf(t.Context(), second)
	require.NoError(t, err, "signing out leaves others alone")
}

func TestSigningOutEndsWhatGoesOnInTheSession(t *testing.T) {
	t.Parallel()
	a := atNoon(auth.AnonKey)
	first, _ := newSession(t, a, policy.System())
	second, _ := newSession(t, a, policy.System())
	one, done := a.WhileSignedIn(t.Context(), first)
	defer done()
	over, end := a.WhileSignedIn(t.Context(), first)
	end()
	require.Error(t, over.Err(), "it ended by itself")
	other, done := a.WhileSignedIn(t.Context(), second)
	defer done()
	require.NoError(t, one.Err())

	require.NoError(t, a.SignOut(t.Context(), first))
	require.Error(t, one.Err())
	require.NoError(t, other.Err(), "signing out leaves others alone")
	for _, session := range []string{first, "what is no session"} {
		late, done := a.WhileSignedIn(t.Context(), session)
		defer done()
		require.Error(t, late.Err(), "nothing begins in a session that has ended")
	}
}

func TestNobodyWithoutRowsToSeeSignsIn(t *testing.T) {
	t.Parallel()
	_, _, err := atNoon(auth.AnonKey).Session(policy.Caller{Role: policy.Anon})
	requireRefused(t, err, "42501", "the anon key is for logging only: sign in with the service key or a user's token")
	_, _, err = atNoon(auth.AnonKey).Session(policy.Caller{Role: policy.Authenticated})
	requireRefused(t, err, "42501", "this token names no user, so there is nothing to show")
}

func TestASignInCodeIsGoodOnceForAnHourInItsProcess(t *testing.T) {
	t.Parallel()
	now := noon
	a := auth.New(secret, auth.AnonKey, func() time.Time { return now })
	code, second := a.SignInCode(), a.SignInCode()
	assert.GreaterOrEqual(t, len(code), 26, "128 bits in base 32")
	assert.NotEqual(t, code, second)

	_, err := atNoon(auth.AnonKey).Redeem(code)
	requireRefused(t, err, "42501", "this link was used already, or is too old")
	for _, wrong := range []string{"", "A", code + "A"} {
		_, err := a.Redeem(wrong)
		require.Error(t, err)
	}
	caller, err := a.Redeem(code)
	require.NoError(t, err)
	assert.Equal(t, policy.Service, caller.Role)
	_, err = a.Redeem(code)
	require.Error(t, err, "used up")
	now = noon.Add(time.Hour + time.Second)
	_, err = a.Redeem(second)
	require.Error(t, err, "too old")
}
