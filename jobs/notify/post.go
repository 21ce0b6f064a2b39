package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"
)

// How much of an answer is read, in bytes. Its status alone counts.
const (
	maxAnswer       = 4 << 10
	maxAnswerHeader = 32 << 10
)

// maxRetryAfter bounds what a receiver may ask for.
const maxRetryAfter = 24 * time.Hour

// Refused means that a receiver answered, but not that it took the alert.
type Refused struct {
	Status     int           // HTTP's, not of 200 to 299
	RetryAfter time.Duration // what the receiver asked to wait, at most 24 h; 0 if nothing
}

func (r *Refused) Error() string {
	text := fmt.Sprintf("it answered %d %s", r.Status, http.StatusText(r.Status))
	if r.Status/100 == 3 {
		text += ": redirects are not followed, so give the URL that this one leads to"
	}
	return text
}

// newTransport returns a transport for single requests: no proxy of the
// environment, no cookies, no redirects (those are http.Client's), and no
// connection that outlives its request.
func newTransport(dialer *net.Dialer, config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        config,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
}

// post sends JSON to a URL that was checked.
func (s *Sender) post(ctx context.Context, target string, body []byte, headers http.Header) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return errors.New("the target is not a URL") // err would repeat it
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", s.userAgent)
	answer, err := s.http.RoundTrip(r)
	if err != nil {
		return reason(ctx, err)
	}
	defer answer.Body.Close()
	// A receiver may want to get rid of its answer before it goes on; the
	// verdict does not depend on it.
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	if answer.StatusCode/100 == 2 {
		return nil
	}
	return &Refused{
		Status:     answer.StatusCode,
		RetryAfter: retryAfter(answer.Header.Get("Retry-After"), s.settings.Now()),
	}
}

// retryAfter reads the header of RFC 9110, 10.2.3: seconds or a date. Discord's
// seconds may have a fraction.
func retryAfter(header string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseFloat(header, 64); err == nil && !math.IsNaN(seconds) {
		seconds = max(0, min(seconds, maxRetryAfter.Seconds()))
		wait = time.Duration(math.Ceil(seconds * float64(time.Second)))
	} else if date, err := http.ParseTime(header); err == nil {
		wait = date.Sub(now)
	}
	return max(0, min(wait, maxRetryAfter))
}
