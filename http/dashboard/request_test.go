package dashboard_test

import "testing"

func TestARequestWithoutACostSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for log, why := range map[string]string{
		`"status":"failure","error":{"message":"no"}`:                  "The cost is unknown, since the tokens are.",
		`"status":"initiated"`:                                         "The cost is unknown, since the tokens are.",
		`"tokens_used":12`:                                             "of the tokens it is not known which are input and which output.",
		`"prompt_tokens":5,"tokens_used":12`:                           "of the tokens it is not known which are input and which output.",
		`"prompt_tokens":5,"completion_tokens":7,"status":"initiated"`: "The cost is unknown until the request has ended.",
		`"prompt_tokens":5,"completion_tokens":7,"model":""`:           "The cost is unknown, since the model is.",
		`"prompt_tokens":5,"completion_tokens":7,"model":"ours"`:       "The cost is unknown: no price was known for this model.",
		`"prompt_tokens":5,"completion_tokens":7`:                      "Computed by llmtally with the shipped price of gpt-4o",
	} {
		s := newServer(t)
		s.add(`{"end_user":"ann","provider":"openai","model":"gpt-4o",` + log + `}`)
		has(t, s.operator().see("/requests/1"), why, log)
	}
}

func TestTokensThatNobodyCountedAreUnknownAndNotNone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add(`{"end_user":"ann","provider":"openai","model":"gpt-4o","status":"failure"}`)
	v := s.operator()
	has(t, v.see("/requests/1"), `<dt>Total</dt><dd>–</dd>`)
	const unknown = `<td class="number"><bdi>–</bdi></td><td class="number"><bdi title="the tokens are unknown">–</bdi></td>`
	for _, list := range []string{"/", "/requests", "/users/ann"} {
		has(t, v.see(list), unknown, list)
	}
	has(t, v.get("/requests?format=csv").body, ",gpt-4o,openai,failure,,,,,,,")
	s.add(`{"end_user":"ann","model":"gpt-4o","prompt_tokens":0,"completion_tokens":0}`)
	has(t, v.see("/requests/2"), `<dt>Total</dt><dd>0</dd>`)
}

func TestAToolThatFailedIsToldFromOneThatDidNot(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add(`{"end_user":"ann","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"no"}]}]}`,
		`{"end_user":"ann","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"yes"}]}]}`)
	has(t, part(t, s.operator().see("/requests/1"), "conversation"), "An error</strong>")
	hasNot(t, part(t, s.operator().see("/requests/2"), "conversation"), "An error</strong>")
}
