package v1

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func cacheControl(age time.Duration) string {
	return fmt.Sprintf("private, max-age=%d", int(age.Seconds()))
}

// Conditional gives each answer that may be kept an ETag, a hash of its bytes,
// and answers 304 to a client that has it already. A hash of what the caller
// may see tells nobody about anything else.
func Conditional(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		held := &heldAnswer{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(held, r)
		held.send(r)
	})
}

// A heldAnswer keeps an answer back until its ETag is known.
type heldAnswer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }
func (h *heldAnswer) Unwrap() http.ResponseWriter { return h.ResponseWriter }
func (h *heldAnswer) mayBeKept() bool {
	return strings.Contains(h.Header().Get("Cache-Control"), "max-age")
}
func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

func (h *heldAnswer) send(r *http.Request) {
	if h.status == http.StatusOK && h.mayBeKept() {
		etag := etagOf(h.body.Bytes())
		h.Header().Set("ETag", etag)
		h.Header().Add("Vary", "Authorization, apikey")
		if matches(r.Header.Values("If-None-Match"), etag) {
			h.Header().Del("Content-Type")
			h.ResponseWriter.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if h.body.Len() > 0 {
		h.Header().Set("Content-Length", strconv.Itoa(h.body.Len()))
	}
	h.ResponseWriter.WriteHeader(h.status)
	// An error here is the client's going away.
	_, _ = h.ResponseWriter.Write(h.body.Bytes())
}

// matches says whether If-None-Match names the ETag, by the weak comparison of
// RFC 9110.
func matches(headers []string, etag string) bool {
	for _, header := range headers {
		for candidate := range strings.SplitSeq(header, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == etag || candidate == "*" {
				return true
			}
		}
	}
	return false
}
