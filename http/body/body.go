// Package body opens the bodies of requests: it takes off their
// Content-Encoding and holds them to their limits, compressed and not.
package body

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Idle is how long a body may stand still before it is given up.
const Idle = 30 * time.Second

// Errors that end a body.
var (
	ErrTooLarge    = errors.New("the body is larger than the server takes")
	ErrStopped     = errors.New("the body stopped before its end")
	ErrTimeout     = errors.New("the body did not arrive in time")
	ErrCompression = errors.New("the body is not what its Content-Encoding says")
)

// An UnknownEncoding is a Content-Encoding that is not taken.
type UnknownEncoding string

func (e UnknownEncoding) Error() string {
	return fmt.Sprintf("Content-Encoding %q is not supported: send gzip, zstd or none", string(e))
}

// maxEncodings bounds how often a body may be compressed again.
const maxEncodings = 2

// Open returns the request's body, unpacked; reading more than limit bytes of
// it, packed or unpacked, is ErrTooLarge. Its Close gives back what was used,
// and leaves the request's own body open.
func Open(w http.ResponseWriter, r *http.Request, limit int64) (io.ReadCloser, error) {
	if r.ContentLength > limit {
		return nil, ErrTooLarge
	}
	packed := &patientReader{r: http.MaxBytesReader(w, r.Body, limit), control: http.NewResponseController(w)}
	body := io.ReadCloser(io.NopCloser(packed))
	encodings := encodingsOf(r.Header)
	if len(encodings) > maxEncodings {
		return nil, UnknownEncoding(strings.Join(encodings, ", "))
	}
	for i := len(encodings) - 1; i >= 0; i-- {
		unpacked, err := unpack(encodings[i], body)
		if err != nil {
			body.Close()
			return nil, err
		}
		body = &limitedReader{ReadCloser: unpacked, left: limit}
	}
	return body, nil
}

func encodingsOf(h http.Header) (encodings []string) {
	for _, value := range h.Values("Content-Encoding") {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if name != "" && name != "identity" {
				encodings = append(encodings, name)
			}
		}
	}
	return encodings
}

func unpack(encoding string, packed io.ReadCloser) (io.ReadCloser, error) {
	switch encoding {
	case "gzip", "x-gzip":
		return openGzip(packed)
	case "zstd":
		return openZstd(packed)
	default:
		return nil, UnknownEncoding(encoding)
	}
}

// A patientReader waits for a body as long as it moves, and names what ends it.
type patientReader struct {
	r       io.Reader
	control *http.ResponseController
}

func (p *patientReader) Read(b []byte) (int, error) {
	// Not every ResponseWriter has deadlines (a test's recorder); then there
	// is nothing to wait for either. The answer comes after the body.
	now := time.Now()
	_ = p.control.SetReadDeadline(now.Add(Idle))
	_ = p.control.SetWriteDeadline(now.Add(2 * Idle))
	n, err := p.r.Read(b)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil || err == io.EOF:
	case errors.As(err, &tooLarge):
		err = ErrTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = ErrTimeout
	default:
		err = fmt.Errorf("%w: %w", ErrStopped, err)
	}
	return n, err
}

// A limitedReader bounds what comes out of a decompressor: a small bomb must
// not unpack to more than a plain body may hold.
type limitedReader struct {
	io.ReadCloser
	left int64
}

func (l *limitedReader) Read(b []byte) (int, error) {
	if int64(len(b)) > l.left+1 {
		b = b[:l.left+1]
	}
	n, err := l.ReadCloser.Read(b)
	if l.left -= int64(n); l.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// compressionError leaves the errors of the body itself as they are.
func compressionError(err error) error {
	if err == nil || err == io.EOF || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrStopped) || errors.Is(err, ErrTimeout) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCompression, err)
}

var gzips sync.Pool // of *gzip.Reader

type gzipBody struct{ *gzip.Reader }

func openGzip(packed io.Reader) (io.ReadCloser, error) {
	if z, ok := gzips.Get().(*gzip.Reader); ok {
		if err := z.Reset(packed); err != nil {
			return nil, compressionError(emptyIsShort(err))
		}
		return gzipBody{z}, nil
	}
	z, err := gzip.NewReader(packed)
	if err != nil {
		return nil, compressionError(emptyIsShort(err))
	}
	return gzipBody{z}, nil
}

// emptyIsShort makes an empty body an error: it has no gzip header.
func emptyIsShort(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (g gzipBody) Read(b []byte) (int, error) {
	n, err := g.Reader.Read(b)
	return n, compressionError(err)
}

func (g gzipBody) Close() error { gzips.Put(g.Reader); return nil }

var zstds sync.Pool // of *zstd.Decoder

type zstdBody struct{ *zstd.Decoder }

func openZstd(packed io.Reader) (io.ReadCloser, error) {
	if z, ok := zstds.Get().(*zstd.Decoder); ok {
		if err := z.Reset(packed); err != nil {
			return nil, compressionError(err)
		}
		return zstdBody{z}, nil
	}
	// One goroutine a body, and a window of 8 MB, which RFC 9659 asks of the
	// web at most.
	z, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, compressionError(err)
	}
	return zstdBody{z}, nil
}

func (z zstdBody) Read(b []byte) (int, error) {
	n, err := z.Decoder.Read(b)
	return n, compressionError(err)
}

func (z zstdBody) Close() error { zstds.Put(z.Decoder); return nil }
