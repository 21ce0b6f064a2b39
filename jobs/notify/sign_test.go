package notify_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

// Standard Webhooks' own example, which its libraries test with.
const (
	exampleSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleTimestamp = "1614265330"
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var exampleTime = time.Unix(1614265330, 0)

func signed(id, timestamp, signature string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", timestamp)
	h.Set("webhook-signature", signature)
	return h
}

func TestASignatureIsThatOfStandardWebhooks(t *testing.T) {
	t.Parallel()
	assert.NoError(t, notify.Verify(exampleSecret, signed(exampleID, exampleTimestamp, exampleSignature), []byte(exampleBody), exampleTime))
	// printf 'delivery-7.1772452800.{"spend":8.5}' | openssl dgst -sha256 -hmac 'correct horse battery staple' -binary | base64
	assert.NoError(t, notify.Verify("correct horse battery staple", signed("delivery-7", "1772452800", "v1,ZmdDPMaM0KIlI7YT3/53TfatkWkkRfLWWyF/vxAgrmk="), []byte(`{"spend":8.5}`), now))
}

func TestVerifyTakesOnlyWhatWasSignedAndIsFresh(t *testing.T) {
	t.Parallel()
	const stranger = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	good := func() http.Header { return signed(exampleID, exampleTimestamp, exampleSignature) }
	for name, tt := range map[string]struct {
		secret string
		header http.Header
		body   string
		at     time.Time
		says   string // "" for a good one
	}{
		"as it was sent":                     {exampleSecret, good(), exampleBody, exampleTime, ""},
		"5 minutes later":                    {exampleSecret, good(), exampleBody, exampleTime.Add(5 * time.Minute), ""},
		"5 minutes earlier":                  {exampleSecret, good(), exampleBody, exampleTime.Add(-5 * time.Minute), ""},
		"another signature before it":        {exampleSecret, signed(exampleID, exampleTimestamp, stranger+" "+exampleSignature), exampleBody, exampleTime, ""},
		"another scheme before it":           {exampleSecret, signed(exampleID, exampleTimestamp, "v1a,xyz "+exampleSignature), exampleBody, exampleTime, ""},
		"another signature after it":         {exampleSecret, signed(exampleID, exampleTimestamp, exampleSignature+" "+stranger), exampleBody, exampleTime, ""},
		"another signature alone":            {exampleSecret, signed(exampleID, exampleTimestamp, stranger), exampleBody, exampleTime, "no signature fits"},
		"another scheme alone":               {exampleSecret, signed(exampleID, exampleTimestamp, "v2"+exampleSignature[2:]), exampleBody, exampleTime, "no signature fits"},
		"the signature without its scheme":   {exampleSecret, signed(exampleID, exampleTimestamp, exampleSignature[3:]), exampleBody, exampleTime, "no signature fits"},
		"half of the signature":              {exampleSecret, signed(exampleID, exampleTimestamp, exampleSignature[:20]), exampleBody, exampleTime, "no signature fits"},
		"an empty signature":                 {exampleSecret, signed(exampleID, exampleTimestamp, "v1,"), exampleBody, exampleTime, "no signature fits"},
		"another body":                       {exampleSecret, good(), exampleBody + " ", exampleTime, "no signature fits"},
		"another id":                         {exampleSecret, signed("msg_other", exampleTimestamp, exampleSignature), exampleBody, exampleTime, "no signature fits"},
		"another time within the limit":      {exampleSecret, signed(exampleID, "1614265331", exampleSignature), exampleBody, exampleTime, "no signature fits"},
		"another secret":                     {"whsec_b3RoZXI=", good(), exampleBody, exampleTime, "no signature fits"},
		"the secret as text":                 {strings.TrimPrefix(exampleSecret, "whsec_"), good(), exampleBody, exampleTime, "no signature fits"},
		"5 minutes and a second later":       {exampleSecret, good(), exampleBody, exampleTime.Add(301 * time.Second), "5 minutes"},
		"5 minutes and a second earlier":     {exampleSecret, good(), exampleBody, exampleTime.Add(-301 * time.Second), "5 minutes"},
		"at the end of time":                 {exampleSecret, signed(exampleID, "9223372036854775807", exampleSignature), exampleBody, exampleTime, "5 minutes"},
		"at the beginning of time":           {exampleSecret, signed(exampleID, "-9223372036854775808", exampleSignature), exampleBody, exampleTime, "5 minutes"},
		"a time that is none":                {exampleSecret, signed(exampleID, "yesterday", exampleSignature), exampleBody, exampleTime, "whole number"},
		"no id":                              {exampleSecret, signed("", exampleTimestamp, exampleSignature), exampleBody, exampleTime, "missing"},
		"no time":                            {exampleSecret, signed(exampleID, "", exampleSignature), exampleBody, exampleTime, "missing"},
		"no signature":                       {exampleSecret, signed(exampleID, exampleTimestamp, ""), exampleBody, exampleTime, "missing"},
		"no headers":                         {exampleSecret, nil, exampleBody, exampleTime, "missing"},
		"no secret to check with":            {"", good(), exampleBody, exampleTime, "secret is empty"},
		"an encoded secret that is empty":    {"whsec_", good(), exampleBody, exampleTime, "secret is empty"},
		"an encoded secret that is not that": {"whsec_%%%", good(), exampleBody, exampleTime, "base64 must follow"},
	} {
		err := notify.Verify(tt.secret, tt.header, []byte(tt.body), tt.at)
		if tt.says == "" {
			assert.NoError(t, err, name)
			continue
		}
		assert.ErrorContains(t, err, tt.says, name)
	}
}

func TestAWebhookIsSignedAnewAtEachAttemptUnderTheSameID(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	clock := now
	s := newSender(notify.Settings{AllowPrivate: true, Now: func() time.Time { return clock }})
	c := notify.Channel{Kind: notify.Webhook, Target: r.URL, Secret: exampleSecret}
	require.NoError(t, s.Send(t.Context(), c, budget()))
	clock = now.Add(time.Hour)
	require.NoError(t, s.Send(t.Context(), c, budget()))
	for i, at := range []time.Time{now, clock} {
		h := r.requests[i].Header
		assert.Equal(t, "delivery-7", h.Get("webhook-id"))
		assert.NoError(t, notify.Verify(exampleSecret, h, []byte(r.bodies[i]), at))
	}
	assert.Equal(t, r.bodies[0], r.bodies[1])
	assert.NotEqual(t, r.requests[0].Header.Get("webhook-signature"), r.requests[1].Header.Get("webhook-signature"))
}

func TestWithoutASecretThereIsNoSignature(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	s := newSender(notify.Settings{AllowPrivate: true})
	require.NoError(t, s.Send(t.Context(), notify.Channel{Kind: notify.Webhook, Target: r.URL}, budget()))
	request, body := r.only(t)
	assert.NotContains(t, request.Header, "Webhook-Signature")
	assert.Equal(t, "1772452800", request.Header.Get("webhook-timestamp"))
	assert.Error(t, notify.Verify("", request.Header, []byte(body), now))
}

func TestSlackAndDiscordGetNoHeadersOfWebhooks(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{notify.Slack, notify.Discord} {
		r := receive(t, ok)
		s := newSender(notify.Settings{AllowPrivate: true})
		require.NoError(t, s.Send(t.Context(), notify.Channel{Kind: kind, Target: r.URL, Secret: "unused"}, budget()))
		request, _ := r.only(t)
		for name := range request.Header {
			assert.NotContains(t, name, "Webhook-", kind)
		}
	}
}
