// Package auth finds out who calls: it signs and verifies the tokens that
// stand for a policy.Caller. Tokens are JWTs signed with HS256 and nothing
// else; a bad token is refused, never taken for an anonymous caller.
package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/policy"
)

// Anon says who may be anonymous.
type Anon string

// The settings for anonymous callers.
const (
	AnonKey  Anon = "key"  // whoever holds the anon key
	AnonOpen Anon = "open" // also a request without any key
	AnonOff  Anon = "off"  // nobody
)

// leeway is how far the clocks of signer and server may differ, as in
// PostgREST.
const leeway = 30 * time.Second

// An Authenticator verifies and signs tokens with one secret.
type Authenticator struct {
	secret []byte
	anon   Anon
	parser *jwt.Parser
	now    func() time.Time
	known  *lru.Cache[string, verified]

	sessions *sessions
}

// verified is a token's caller, while the token is good.
type verified struct {
	caller policy.Caller
	until  time.Time // zero: for ever
}

// knownTokens bounds the tokens that are remembered. Verifying one takes longer
// than decoding a log.
const knownTokens = 4096

// New returns an authenticator. now is its clock; nil means time.Now.
func New(secret []byte, anon Anon, now func() time.Time) *Authenticator {
	if now == nil {
		now = time.Now
	}
	known, err := lru.New[string, verified](knownTokens)
	if err != nil {
		panic(err) // the size is right
	}
	return &Authenticator{secret: secret, anon: anon, now: now, known: known, sessions: newSessions(secret, now), parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithLeeway(leeway), jwt.WithIssuedAt(), jwt.WithTimeFunc(now),
	)}
}

// An Error says why a caller is not known. Its codes and texts are PostgREST's.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }

// errOver is of a token whose time is over.
var errOver = &Error{"PGRST303", "JWT expired"}

// Key returns the key for a role: a token that never expires, the same each
// time for the same secret.
func (a *Authenticator) Key(role policy.Role) (string, error) {
	return a.sign(jwt.MapClaims{"iss": "llmtally", "role": string(role)})
}

// UserToken returns a user's token, which expires.
func (a *Authenticator) UserToken(userID string, now time.Time, ttl time.Duration) (string, error) {
	return a.sign(jwt.MapClaims{
		"iss": "llmtally", "role": string(policy.Authenticated), "sub": userID,
		"iat": now.Unix(), "exp": now.Add(ttl).Unix(),
	})
}

func (a *Authenticator) sign(claims jwt.MapClaims) (string, error) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(a.secret)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token, nil
}

// Caller returns who sent the request: by the token in `Authorization: Bearer`,
// else by the one in `apikey`.
func (a *Authenticator) Caller(r *http.Request) (policy.Caller, error) {
	token, sent := bearer(r.Header.Get("Authorization"))
	if !sent {
		token = r.Header.Get("apikey")
		sent = token != ""
	}
	if !sent {
		if a.anon == AnonOpen {
			return policy.Caller{Role: policy.Anon}, nil
		}
		return policy.Caller{}, &Error{"PGRST302", "no key was sent: put one into Authorization: Bearer or apikey"}
	}
	return a.Verify(token)
}

// bearer returns the token of an Authorization header of that scheme.
func bearer(header string) (token string, sent bool) {
	scheme, token, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// Verify returns whom the token stands for.
func (a *Authenticator) Verify(token string) (policy.Caller, error) {
	if v, ok := a.known.Get(token); ok && (v.until.IsZero() || a.now().Before(v.until)) {
		return v.caller, nil
	}
	caller, until, err := a.verify(token)
	if err == nil {
		a.known.Add(token, verified{caller, until})
	}
	return caller, err
}

// verify also returns until when the answer holds.
func (a *Authenticator) verify(token string) (c policy.Caller, until time.Time, err error) {
	if token == "" {
		return c, until, &Error{"PGRST301", "Empty JWT is sent in Authorization header"}
	}
	if parts := strings.Count(token, ".") + 1; parts != 3 {
		return c, until, &Error{"PGRST301", fmt.Sprintf("Expected 3 parts in JWT; got %d", parts)}
	}
	claims := jwt.MapClaims{}
	_, err = a.parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return a.secret, nil })
	if err != nil {
		return c, until, tokenError(err)
	}
	if exp, err := claims.GetExpirationTime(); err == nil && exp != nil {
		until = exp.Add(leeway)
	}
	c, err = a.callerFrom(claims)
	return c, until, err
}

func (a *Authenticator) callerFrom(claims jwt.MapClaims) (policy.Caller, error) {
	role := policy.Anon
	if claim, ok := claims["role"]; ok {
		name, ok := claim.(string)
		if !ok {
			return policy.Caller{}, &Error{"22023", "the token's role must be a string"}
		}
		role = policy.Role(name)
	}
	if exp, ok := claims["exp"].(float64); ok && exp == 0 {
		return policy.Caller{}, errOver // the library takes 0 for none
	}
	subject, _ := claims["sub"].(string)
	caller := policy.Caller{Role: role, Subject: subject, Claims: claims}
	switch role {
	case policy.Authenticated, policy.Service:
		return caller, nil
	case policy.Anon:
		if a.anon == AnonOff {
			return policy.Caller{}, &Error{"PGRST302", "Anonymous access is disabled"}
		}
		return caller, nil
	default:
		return policy.Caller{}, &Error{"22023", fmt.Sprintf("role %q does not exist", string(role))}
	}
}

// tokenError names what is wrong with a token, in PostgREST's words.
func tokenError(err error) *Error {
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return errOver
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return &Error{"PGRST303", "JWT not yet valid"}
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return &Error{"PGRST303", "JWT issued at future"}
	case errors.Is(err, jwt.ErrInvalidType):
		for _, claim := range []string{"exp", "nbf", "iat"} {
			if strings.Contains(err.Error(), claim) {
				return &Error{"PGRST303", fmt.Sprintf("The JWT '%s' claim must be a number", claim)}
			}
		}
	case errors.Is(err, jwt.ErrTokenSignatureInvalid) && strings.Contains(err.Error(), "signing method"):
		return &Error{"PGRST301", "Wrong or unsupported encoding algorithm"}
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return &Error{"PGRST301", "No suitable key or wrong key type"}
	}
	return &Error{"PGRST301", "the JWT cannot be decoded"}
}

type callerKey struct{}

// WithCaller returns a context that knows the caller.
func WithCaller(ctx context.Context, c policy.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// From returns the caller of a request; the zero Caller, who may do nothing,
// when nobody was authenticated.
func From(ctx context.Context) policy.Caller {
	c, _ := ctx.Value(callerKey{}).(policy.Caller)
	return c
}

// Require lets requests pass whose caller is known; refuse answers the others.
func (a *Authenticator) Require(refuse func(http.ResponseWriter, *http.Request, *Error)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, err := a.Caller(r)
			var refused *Error
			if errors.As(err, &refused) {
				Challenge(w, refused)
				refuse(w, r, refused)
				return
			}
			record.From(r.Context()).Role = caller.Role
			next.ServeHTTP(w, r.WithContext(WithCaller(r.Context(), caller)))
		})
	}
}

// Challenge sets the header that each 401 carries (RFC 6750).
func Challenge(w http.ResponseWriter, e *Error) {
	challenge := "Bearer"
	if e.Code != "PGRST302" {
		challenge += fmt.Sprintf(" error=%q, error_description=%q", "invalid_token", e.Message)
	}
	w.Header().Set("WWW-Authenticate", challenge)
}
