package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// trace logs a span of a request by that user, named by the attribute, and
// returns how it was answered.
func (s *server) trace(call, attribute, user string) (status int, retryAfter, answer string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[
		{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.response.id","value":{"stringValue":%q}},
		{"key":%q,"value":{"stringValue":%q}}]}]}]}]}`, call, attribute, user)
	request, err := http.NewRequest(http.MethodPost, s.url+"/v1/traces", strings.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.key)
	response, err := client.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	text := new(strings.Builder)
	require.NoError(s.t, response.Write(text))
	return response.StatusCode, response.Header.Get("Retry-After"), text.String()
}

func TestTheSettingsSayWhichAttributeNamesTheUserOfASpan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, args := range map[string][]string{
		"a flag":          {"--trace-users", "app.customer,user.id"},
		"a list in YAML":  {"--config", newFile(t, "list.yaml", "trace-users: [app.customer, user.id]\n")},
		"a text in YAML":  {"--config", newFile(t, "text.yaml", "trace_users: app.customer,user.id\n")},
		"two of one flag": {"--trace-users", "app.customer", "--trace-users", "user.id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".db"), args...)
			for _, attribute := range []string{"app.customer", "user.id", "enduser.id"} {
				status, _, answer := s.trace(attribute, attribute, "user-of-"+attribute)
				require.Equal(t, http.StatusOK, status, answer)
			}
			assert.Equal(t, http.StatusOK, s.get("/v1/users/user-of-app.customer/analytics", nil))
			assert.Equal(t, http.StatusOK, s.get("/v1/users/user-of-user.id/analytics", nil))
			assert.Equal(t, http.StatusNotFound, s.get("/v1/users/user-of-enduser.id/analytics", nil))
		})
	}
}
