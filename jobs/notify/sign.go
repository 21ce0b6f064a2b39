package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks (https://www.standardwebhooks.com).
const (
	headerID        = "webhook-id"        // the same at each attempt
	headerTimestamp = "webhook-timestamp" // of the attempt, in seconds since 1970
	headerSignature = "webhook-signature" // one or more of v1,<base64>, separated by spaces
)

// tolerance is how far a webhook's timestamp may be from a receiver's clock,
// either way: what the libraries of Standard Webhooks allow.
const tolerance = 5 * time.Minute

const (
	secretPrefix    = "whsec_"
	signatureScheme = "v1,"
)

// webhookHeaders returns the headers of an attempt at that time. Without a
// secret there is no signature.
func webhookHeaders(secret, id string, now time.Time, body []byte) (http.Header, error) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	h := http.Header{}
	h.Set(headerID, id)
	h.Set(headerTimestamp, timestamp)
	if secret == "" {
		return h, nil
	}
	key, err := signingKey(secret)
	if err != nil {
		return nil, err
	}
	h.Set(headerSignature, signatureScheme+base64.StdEncoding.EncodeToString(signature(key, id, timestamp, body)))
	return h, nil
}

// Verify tells whether a webhook comes from who has the secret and was sent
// within 5 minutes of now: nil if so. One good signature among several is
// enough, so that a secret can be changed. A secret whsec_<base64> stands for
// the bytes it encodes, any other for its own. Body is what was received, byte
// for byte.
func Verify(secret string, header http.Header, body []byte, now time.Time) error {
	key, err := signingKey(secret)
	if err != nil {
		return err
	}
	id, timestamp := header.Get(headerID), header.Get(headerTimestamp)
	if id == "" || timestamp == "" || header.Get(headerSignature) == "" {
		return errors.New("webhook-id, webhook-timestamp or webhook-signature is missing")
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return errors.New("webhook-timestamp is not a whole number of seconds")
	}
	// Compared as seconds, since a Duration holds 292 years at most.
	if n, limit := now.Unix(), int64(tolerance/time.Second); seconds < n-limit || seconds > n+limit {
		return errors.New("webhook-timestamp is more than 5 minutes from now")
	}
	want := signature(key, id, timestamp, body)
	for _, given := range strings.Fields(header.Get(headerSignature)) {
		encoded, isV1 := strings.CutPrefix(given, signatureScheme)
		got, err := base64.StdEncoding.DecodeString(encoded)
		if isV1 && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return errors.New("no signature fits the body and the secret")
}

// signature returns the HMAC-SHA256 of id.timestamp.body.
func signature(key []byte, id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// signingKey returns the key that a secret stands for. There is none in an
// empty secret, with which anybody could sign.
func signingKey(secret string) ([]byte, error) {
	encoded, isEncoded := strings.CutPrefix(secret, secretPrefix)
	key := []byte(secret)
	if isEncoded {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New("the secret begins with whsec_, so base64 must follow")
		}
	}
	if len(key) == 0 {
		return nil, errors.New("the secret is empty")
	}
	return key, nil
}
