package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/llmtally/llmtally/policy"
)

// SessionAge is how long a session lasts at most.
const SessionAge = 12 * time.Hour

// sessionAudience is what a session's token is for, and no other token.
const sessionAudience = "llmtally-dashboard"

// sessions signs and verifies the tokens that stand for people who have signed
// in. They are signed with a key of their own, made from the secret: no API key
// is a session and no session an API key.
type sessions struct {
	key    []byte
	parser *jwt.Parser

	kept EndedSessions // nil: only here is known which have ended

	mu    sync.Mutex
	ended map[string]time.Time           // ids of sessions that were signed out, until they would expire
	codes map[string]time.Time           // that nobody has used, until they expire
	open  map[*context.CancelFunc]string // answers that go on, and the ids of their sessions
}

// EndedSessions keeps which sessions were signed out: for other processes, and
// for this one after a restart.
type EndedSessions interface {
	EndSession(ctx context.Context, id string, until time.Time) error
	SessionHasEnded(ctx context.Context, id string) (bool, error)
}

// KeepEnded says where it is kept which sessions have ended. It is called before
// there are any.
func (a *Authenticator) KeepEnded(in EndedSessions) { a.sessions.kept = in }

func newSessions(secret []byte, now func() time.Time) *sessions {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(sessionAudience))
	return &sessions{key: mac.Sum(nil), ended: map[string]time.Time{}, codes: map[string]time.Time{}, open: map[*context.CancelFunc]string{}, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithAudience(sessionAudience),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(now),
	)}
}

// errNoSession is all that a bad session's holder is told: sign in again.
var errNoSession = &Error{"PGRST301", "the session has ended"}

// Session signs a caller in: it returns the token of a new session, and when
// that ends: after SessionAge, or sooner with the token that the caller showed.
// Only users and the service role may have one, and nobody whose token is over:
// Verify's leeway is for keys, and a session would end before it began.
func (a *Authenticator) Session(c policy.Caller) (token string, until time.Time, err error) {
	switch {
	case c.Role == policy.Anon:
		return "", until, &Error{"42501", "the anon key is for logging only: sign in with the service key or a user's token"}
	case c.Role == policy.Authenticated && c.Subject == "":
		return "", until, &Error{"42501", "this token names no user, so there is nothing to show"}
	}
	until = a.now().Add(SessionAge).Truncate(time.Second)
	if exp, err := jwt.MapClaims(c.Claims).GetExpirationTime(); err == nil && exp != nil && exp.Before(until) {
		until = exp.Time
	}
	if until.Sub(a.now()) < time.Second { // which is what a cookie's age is counted in
		return "", until, errOver
	}
	claims := jwt.MapClaims{
		"aud": sessionAudience, "jti": rand.Text(), "iat": a.now().Unix(), "exp": until.Unix(),
		"role": string(c.Role), "sub": c.Subject,
	}
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(a.sessions.key)
	return token, until, err
}

// CallerOf returns whom a session's token stands for. A session that was signed
// out, that is over, or that somebody else has signed is refused.
func (a *Authenticator) CallerOf(ctx context.Context, session string) (policy.Caller, error) {
	claims, err := a.sessions.read(session)
	if err != nil {
		return policy.Caller{}, errNoSession
	}
	id, _ := claims["jti"].(string)
	switch ended, err := a.sessions.hasEnded(ctx, id); {
	case err != nil:
		return policy.Caller{}, fmt.Errorf("looking whether a session has ended: %w", err)
	case ended:
		return policy.Caller{}, errNoSession
	}
	role, _ := claims["role"].(string)
	subject, _ := claims["sub"].(string)
	return policy.Caller{Role: policy.Role(role), Subject: subject, Claims: claims}, nil
}

// SignOut ends a session, and the answers that go on in it in this process.
// After an error it has ended in this process alone.
func (a *Authenticator) SignOut(ctx context.Context, session string) error {
	claims, err := a.sessions.read(session)
	if err != nil {
		return nil // it is none
	}
	id, _ := claims["jti"].(string)
	exp, _ := claims.GetExpirationTime()
	a.sessions.end(id, exp.Time, a.now())
	if a.sessions.kept == nil {
		return nil
	}
	if err := a.sessions.kept.EndSession(ctx, id, exp.Time); err != nil {
		return fmt.Errorf("keeping that a session has ended: %w", err)
	}
	return nil
}

// WhileSignedIn returns a context that also ends when the session is signed out
// here: for an answer that goes on. The function that comes with it must be
// called when the answer has ended.
func (a *Authenticator) WhileSignedIn(ctx context.Context, session string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	claims, err := a.sessions.read(session)
	id, _ := claims["jti"].(string)
	if err != nil || !a.sessions.begin(id, &cancel) {
		cancel()
	}
	return ctx, func() {
		cancel()
		a.sessions.leave(&cancel)
	}
}

// begin remembers an answer of a session, unless that has ended.
func (s *sessions) begin(id string, cancel *context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ended := s.ended[id]; ended {
		return false
	}
	s.open[cancel] = id
	return true
}

func (s *sessions) leave(cancel *context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, cancel)
}

func (s *sessions) read(session string) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	_, err := s.parser.ParseWithClaims(session, claims, func(*jwt.Token) (any, error) { return s.key, nil })
	return claims, err
}

func (s *sessions) hasEnded(ctx context.Context, id string) (bool, error) {
	s.mu.Lock()
	_, ended := s.ended[id]
	s.mu.Unlock()
	if ended || s.kept == nil {
		return ended, nil
	}
	return s.kept.SessionHasEnded(ctx, id)
}

func (s *sessions) end(id string, until, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, over := range s.ended {
		if over.Before(now) {
			delete(s.ended, other)
		}
	}
	s.ended[id] = until
	for cancel, of := range s.open {
		if of == id {
			(*cancel)()
		}
	}
}

// codeAge is for how long a sign-in code may be used.
const codeAge = time.Hour

// SignInCode returns a code that signs the service role in, once, in this
// process, within an hour: for a link that is shown to the operator alone. It
// has 128 random bits.
func (a *Authenticator) SignInCode() string {
	code := rand.Text()
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	a.sessions.codes[code] = a.now().Add(codeAge)
	return code
}

// Redeem returns whom a sign-in code stands for, and uses it up.
func (a *Authenticator) Redeem(code string) (policy.Caller, error) {
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	until, known := a.sessions.codes[code]
	delete(a.sessions.codes, code)
	if !known || a.now().After(until) {
		return policy.Caller{}, &Error{"42501", "this link was used already, or is too old"}
	}
	return policy.Caller{Role: policy.Service}, nil
}
