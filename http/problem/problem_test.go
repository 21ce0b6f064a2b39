package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

func TestEachCodeHasItsStatus(t *testing.T) {
	t.Parallel()
	for code, status := range map[string]int{
		store.CodePrivilege: 403, store.CodeUnique: 409, store.CodeForeignKey: 409, store.CodeUnknownRelation: 404,
		store.CodeDiskFull: 507, problem.CodeTooLarge: 413, problem.CodeBadJSON: 400, store.CodeInvalidText: 422,
		store.CodeOutOfRange: 422, store.CodeTimeRange: 422, "XX999": 422,
	} {
		assert.Equal(t, status, problem.Status(code, policy.Service), code)
		assert.Equal(t, status, problem.Status(code, policy.Authenticated), code)
		if code != store.CodePrivilege {
			assert.Equal(t, status, problem.Status(code, policy.Anon), code)
		}
	}
	assert.Equal(t, 401, problem.Status(store.CodePrivilege, policy.Anon), "what anon may not do, a token might")
	assert.Equal(t, 401, problem.Status(store.CodePrivilege, ""))
}

func TestAnErrorBecomesAProblem(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err    error
		status int
		detail string
	}{
		"a refusal":         {&store.Error{Code: store.CodeUnique, Message: "twice."}, 409, "twice."},
		"with its details":  {&store.Error{Code: store.CodeUnique, Message: "twice.", Details: "Key (a)."}, 409, "twice. Key (a)."},
		"a wrapped refusal": {fmt.Errorf("outer: %w", &store.Error{Code: store.CodeCheck, Message: "no"}), 422, "no"},
		"a full disk":       {&store.Error{Code: store.CodeDiskFull, Message: "full", Details: "/secret/path"}, 507, "full"},
		"not found":         {fmt.Errorf("x: %w", store.ErrNotFound), 404, "there is no such thing, or it is not yours to see"},
		"busy":              {store.ErrBusy, 503, "too many logs are waiting to be written"},
		"closed":            {store.ErrClosed, 503, "the server is shutting down"},
		"anything else":     {errors.New("a secret"), 500, "something went wrong here; the server's log says what"},
		"a problem":         {fmt.Errorf("x: %w", problem.New(418, "tea")), 418, "tea"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := problem.From(tt.err, policy.Service)
			assert.Equal(t, tt.status, p.GetStatus())
			assert.Equal(t, tt.detail, p.Detail)
			assert.Equal(t, http.StatusText(tt.status), p.Title)
			text, err := json.Marshal(p)
			require.NoError(t, err)
			assert.NotContains(t, string(text), "secret")
		})
	}
}

func TestTheCauseIsForTheLog(t *testing.T) {
	t.Parallel()
	cause := errors.New("the cause")
	p := problem.From(cause, policy.Service)
	assert.ErrorIs(t, p, cause)
	assert.NotContains(t, p.Error(), "the cause")
}

func TestAProblemIsWrittenAsOne(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	problem.From(store.ErrBusy, policy.Service).Write(w)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	assert.Equal(t, "1", w.Header().Get("Retry-After"), "in seconds")
	assert.JSONEq(t, `{"type":"about:blank","title":"Service Unavailable","status":503,
		"detail":"too many logs are waiting to be written","hint":"send again after the time in Retry-After"}`, w.Body.String())
}
