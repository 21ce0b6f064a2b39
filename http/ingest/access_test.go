package ingest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/ingest"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestWhoMayLogForWhom(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		caller         policy.Caller
		row            string
		status         int
		code           string
		linked, ending any // user_profile_id and end_user of the stored row
	}{
		"the service role for anyone":             {service, `{"user_profile_id":"bob"}`, 201, "", "bob", ""},
		"the service role for a new user":         {service, `{"user_profile_id":"new"}`, 201, "", "new", ""},
		"the service role by end_user":            {service, `{"end_user":"new"}`, 201, "", "new", "new"},
		"the service role for nobody":             {service, `{}`, 201, "", nil, ""},
		"user_profile_id wins over end_user":      {service, `{"user_profile_id":"ann","end_user":"bob"}`, 201, "", "ann", "bob"},
		"a user for themself":                     {ann, `{"user_profile_id":"ann"}`, 201, "", "ann", ""},
		"a user without saying so":                {ann, `{}`, 201, "", "ann", ""},
		"a user with an empty id":                 {ann, `{"user_profile_id":""}`, 201, "", "ann", ""},
		"a user whose end_user is another":        {ann, `{"end_user":"bob"}`, 201, "", "ann", "bob"},
		"a user for another":                      {ann, `{"user_profile_id":"bob"}`, 403, "42501", nil, nil},
		"a user for one who does not exist":       {ann, `{"user_profile_id":"nobody"}`, 403, "42501", nil, nil},
		"a user without a profile":                {storetest.User("new"), `{}`, 422, "23503", nil, nil},
		"a user without an id":                    {storetest.User(""), `{}`, 403, "42501", nil, nil},
		"a user without an id for nobody":         {storetest.User(""), `{"user_profile_id":null}`, 403, "42501", nil, nil},
		"anon for nobody":                         {anon, `{}`, 201, "", nil, ""},
		"anon by an end_user who exists":          {anon, `{"end_user":"ann"}`, 201, "", "ann", "ann"},
		"anon by an end_user who does not":        {anon, `{"end_user":"nobody"}`, 201, "", nil, "nobody"},
		"anon for a user who exists":              {anon, `{"user_profile_id":"ann"}`, 201, "", "ann", ""},
		"anon for a user who does not":            {anon, `{"user_profile_id":"nobody"}`, 201, "", nil, "nobody"},
		"anon: the unknown user becomes end_user": {anon, `{"user_profile_id":"nobody","end_user":"ann"}`, 201, "", nil, "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			require.NoError(t, s.db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec("INSERT INTO user_profiles (user_id) VALUES ('ann'), ('bob')")
				return err
			}))
			a := s.log(tt.caller, tt.row, tt.status)
			assert.Equal(t, tt.code, a.Code)
			if tt.status != http.StatusCreated {
				assert.Zero(t, s.logs())
				assert.Equal(t, int64(2), s.users())
				return
			}
			assert.Equal(t, tt.linked, s.cell("user_profile_id"))
			assert.Equal(t, tt.ending, s.cell("end_user"))
			if tt.caller.Role != policy.Service {
				assert.Equal(t, int64(2), s.users(), "only the service role makes users")
			}
			storetest.RequireClean(t, s.db)
		})
	}
}

func TestWhereUsersAreNotMadeAsTheyComeAnUnknownOneIsRefused(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, serverOptions{})
	a := s.log(service, `{"user_profile_id":"nobody"}`, http.StatusUnprocessableEntity)
	assert.Equal(t, store.CodeForeignKey, a.Code)
	s.requireNothingChanged()
	s.log(service, `{"end_user":"nobody"}`, http.StatusCreated)
	assert.Nil(t, s.cell("user_profile_id"), "an unknown end_user stays unlinked")
	assert.Zero(t, s.users())
}

func TestACallerWhoIsNotKnownLogsNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, tt := range map[string]struct {
		headers []string
		code    string
	}{
		"no key":        {nil, "PGRST302"},
		"a bad token":   {[]string{"Authorization", "Bearer a.b.c"}, "PGRST301"},
		"an unknown":    {[]string{"apikey", "garbage"}, "PGRST301"},
		"another realm": {[]string{"Authorization", "Basic YTpi"}, "PGRST302"},
	} {
		a := s.post(nobody, strings.NewReader(`{"end_user":"ann"}`), tt.headers...)
		assert.Equal(t, http.StatusUnauthorized, a.status, name)
		assert.Equal(t, tt.code, a.Code, name)
		assert.NotEmpty(t, a.header.Get("WWW-Authenticate"), name)
	}
	s.requireNothingChanged()
}

func TestTheSettingForAnonCounts(t *testing.T) {
	t.Parallel()
	open := newServerWith(t, serverOptions{anon: auth.AnonOpen})
	open.log(nobody, `{}`, http.StatusCreated)
	off := newServerWith(t, serverOptions{anon: auth.AnonOff})
	a := off.log(anon, `{}`, http.StatusUnauthorized)
	assert.Equal(t, "PGRST302", a.Code)
	off.requireNothingChanged()
}

// TestTheAnswerTellsAnonNothing asks for the same bytes whatever is stored.
func TestTheAnswerTellsAnonNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.log(service, array(`{"user_profile_id":"ann","litellm_call_id":"finished"}`,
		`{"user_profile_id":"ann","litellm_call_id":"begun","status":"initiated"}`), http.StatusCreated)
	want := s.log(anon, `{}`, http.StatusCreated).text
	for _, row := range []string{
		`{"user_profile_id":"ann"}`, `{"user_profile_id":"nobody"}`, `{"end_user":"ann"}`, `{"end_user":"nobody"}`,
		`{"litellm_call_id":"finished"}`, `{"litellm_call_id":"new"}`, `{"litellm_call_id":"new"}`,
		`{"litellm_call_id":"begun"}`, `{"litellm_call_id":"begun","status":"initiated"}`,
	} {
		assert.Equal(t, want, s.log(anon, row, http.StatusCreated).text, row)
	}
	refused := s.log(anon, `{"user_profile_id":"ann","tokens_used":-1}`, http.StatusUnprocessableEntity)
	other := s.log(anon, `{"user_profile_id":"nobody","tokens_used":-1}`, http.StatusUnprocessableEntity)
	assert.Equal(t, refused.text, other.text)
	storetest.RequireClean(t, s.db)
}

func TestAnonCompletesWhatIsBegunAndLeavesWhatIsFinished(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.log(anon, `{"litellm_call_id":"c1","status":"initiated","model":"gpt-4o"}`, http.StatusCreated)
	s.log(anon, `{"litellm_call_id":"c1","status":"success","tokens_used":3}`, http.StatusCreated)
	s.log(anon, `{"litellm_call_id":"c1","status":"failure","tokens_used":1000,"model":"changed"}`, http.StatusCreated)
	assert.Equal(t, "success", s.cell("status"))
	assert.Equal(t, int64(3), s.cell("tokens_used"))
	assert.Equal(t, "gpt-4o", s.cell("model"))
	assert.Equal(t, int64(1), s.logs())
}

func TestAUserCannotTouchOrLearnOfAnothersRequestByItsCallID(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.log(service, array(`{"user_profile_id":"bob","litellm_call_id":"finished","model":"m"}`,
		`{"user_profile_id":"bob","litellm_call_id":"begun","status":"initiated","model":"m"}`,
		`{"user_profile_id":"ann","litellm_call_id":"own"}`), http.StatusCreated)
	fresh := s.log(ann, `{"litellm_call_id":"fresh","model":"x"}`, http.StatusCreated).text
	for _, call := range []string{"finished", "begun"} {
		for range 2 {
			assert.Equal(t, fresh, s.log(ann, fmt.Sprintf(`{"litellm_call_id":%q,"model":"x"}`, call), http.StatusCreated).text, call)
		}
	}
	own := s.log(ann, `{"litellm_call_id":"own","model":"x"}`, http.StatusCreated)
	assert.Equal(t, ingest.Result{Accepted: 1, Duplicates: 1, Errors: []ingest.RowError{}}, own.Result)
	history, err := s.db.History(t.Context(), bob, "bob", 10, 0)
	require.NoError(t, err)
	require.Len(t, history, 2)
	for _, row := range history {
		assert.Equal(t, "m", *row.Model)
	}
	assert.Equal(t, "initiated", *history[0].Status, "still to be completed by its owner")
	storetest.RequireClean(t, s.db)
}
