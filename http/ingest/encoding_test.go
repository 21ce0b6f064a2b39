package ingest_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/ingest"
)

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(b)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

func zstandard(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer z.Close()
	return z.EncodeAll(b, nil)
}

func TestACompressedBodyIsUnpacked(t *testing.T) {
	t.Parallel()
	plain := []byte(lines(`{"model":"a"}`, `{"model":"b"}`))
	for name, tt := range map[string]struct {
		encodings []string
		body      []byte
	}{
		"gzip":                           {[]string{"gzip"}, gzipped(t, plain)},
		"gzip in capitals":               {[]string{" GZip "}, gzipped(t, plain)},
		"gzip by its old name":           {[]string{"x-gzip"}, gzipped(t, plain)},
		"gzip in several members":        {[]string{"gzip"}, append(gzipped(t, plain[:14]), gzipped(t, plain[14:])...)},
		"zstd":                           {[]string{"zstd"}, zstandard(t, plain)},
		"zstd in several frames":         {[]string{"zstd"}, append(zstandard(t, plain[:14]), zstandard(t, plain[14:])...)},
		"identity":                       {[]string{"identity"}, plain},
		"an empty name":                  {[]string{""}, plain},
		"twice, in one header":           {[]string{"gzip, zstd"}, zstandard(t, gzipped(t, plain))},
		"twice, in two headers":          {[]string{"zstd", "gzip"}, gzipped(t, zstandard(t, plain))},
		"the same twice":                 {[]string{"gzip, gzip"}, gzipped(t, gzipped(t, plain))},
		"identity beside another":        {[]string{"identity, gzip"}, gzipped(t, plain)},
		"an array of one row, by itself": {[]string{"gzip"}, gzipped(t, []byte(`[{"model":"a"},{"model":"b"}]`))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			a := s.post(service, reader(tt.body), contentEncodings(tt.encodings)...)
			require.Equal(t, http.StatusCreated, a.status, a.text)
			assert.Equal(t, 2, a.Accepted)
			assert.Equal(t, int64(2), s.logs())
		})
	}
}

func contentEncodings(values []string) (headers []string) {
	for _, value := range values {
		headers = append(headers, "Content-Encoding", value)
	}
	return headers
}

func TestABodyThatCannotBeUnpackedIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	plain := []byte(strings.Repeat(`{"end_user":"ann","model":"a"}`+"\n", 50))
	packed, packedZstd := gzipped(t, plain), zstandard(t, plain)
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-6] ^= 0xff // in the checksum
	for name, tt := range map[string]struct {
		encodings []string
		body      []byte
		status    int
	}{
		"brotli":                        {[]string{"br"}, plain, http.StatusUnsupportedMediaType},
		"deflate":                       {[]string{"deflate"}, plain, http.StatusUnsupportedMediaType},
		"a name that does not exist":    {[]string{"nonsense"}, plain, http.StatusUnsupportedMediaType},
		"an unknown one within gzip":    {[]string{"br, gzip"}, packed, http.StatusUnsupportedMediaType},
		"three times":                   {[]string{"gzip, gzip, gzip"}, gzipped(t, gzipped(t, packed)), http.StatusUnsupportedMediaType},
		"three headers":                 {[]string{"gzip", "gzip", "gzip"}, gzipped(t, gzipped(t, packed)), http.StatusUnsupportedMediaType},
		"called gzip but plain":         {[]string{"gzip"}, plain, http.StatusBadRequest},
		"called zstd but plain":         {[]string{"zstd"}, plain, http.StatusBadRequest},
		"called gzip but zstd":          {[]string{"gzip"}, packedZstd, http.StatusBadRequest},
		"called zstd but gzip":          {[]string{"zstd"}, packed, http.StatusBadRequest},
		"packed once but called twice":  {[]string{"gzip, gzip"}, packed, http.StatusBadRequest},
		"packed but not called so":      {nil, packed, http.StatusBadRequest},
		"empty gzip":                    {[]string{"gzip"}, nil, http.StatusBadRequest},
		"empty zstd":                    {[]string{"zstd"}, nil, http.StatusBadRequest},
		"gzip of nothing":               {[]string{"gzip"}, gzipped(t, nil), http.StatusBadRequest},
		"gzip cut off in its header":    {[]string{"gzip"}, packed[:5], http.StatusBadRequest},
		"gzip cut off":                  {[]string{"gzip"}, packed[:len(packed)/2], http.StatusBadRequest},
		"gzip without its checksum":     {[]string{"gzip"}, packed[:len(packed)-8], http.StatusBadRequest},
		"gzip with another checksum":    {[]string{"gzip"}, flipped, http.StatusBadRequest},
		"zstd cut off":                  {[]string{"zstd"}, packedZstd[:len(packedZstd)-5], http.StatusBadRequest},
		"gzip with something behind it": {[]string{"gzip"}, append(bytes.Clone(packed), "more"...), http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			a := s.post(service, reader(tt.body), contentEncodings(tt.encodings)...)
			assert.Equal(t, tt.status, a.status, a.text)
			assert.Zero(t, a.Accepted)
			s.requireNothingChanged()
		})
	}
}

func TestABodyLargerThanTheLimitIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	row := `{"end_user":"ann","messages":"` + strings.Repeat("x", 1000) + `"}` + "\n"
	rows := []byte(strings.Repeat(row, 2*limit/len(row)))
	bomb := []byte(`{"end_user":"ann","messages":"` + strings.Repeat("x", 32<<20) + `"}`)
	spaces := []byte(strings.Repeat(" ", 32<<20) + `{"end_user":"ann"}`)
	for name, tt := range map[string]struct {
		encoding string
		body     []byte
	}{
		"plain":                       {"", rows},
		"gzip of good rows":           {"gzip", gzipped(t, rows)},
		"a gzip bomb of one row":      {"gzip", gzipped(t, bomb)},
		"a gzip bomb of white space":  {"gzip", gzipped(t, spaces)},
		"a gzip bomb within gzip":     {"gzip, gzip", gzipped(t, gzipped(t, spaces))},
		"zstd of good rows":           {"zstd", zstandard(t, rows)},
		"a zstd bomb of one row":      {"zstd", zstandard(t, bomb)},
		"a zstd bomb of white space":  {"zstd", zstandard(t, spaces)},
		"a zstd bomb within gzip":     {"zstd, gzip", gzipped(t, zstandard(t, spaces))},
		"a gzip bomb of rows, packed": {"gzip, zstd", zstandard(t, gzipped(t, bytes.Repeat(rows, 100)))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServerWith(t, serverOptions{limits: ingest.Limits{Body: limit}})
			a := s.post(service, reader(tt.body), "Content-Encoding", tt.encoding)
			assert.Equal(t, http.StatusRequestEntityTooLarge, a.status, a.text)
			assert.Equal(t, "54000", a.Code)
			assert.Zero(t, a.Accepted)
			s.requireNothingChanged()
		})
	}
}

func TestTheBodyLimitIsExact(t *testing.T) {
	t.Parallel()
	body := []byte(`{"model":"0123456789"}`)
	for encoding, packed := range map[string][]byte{"": body, "gzip": gzipped(t, bytes.Repeat(body, 20))} {
		unpacked := len(body)
		if encoding != "" {
			unpacked *= 20
		}
		for over, status := range map[int64]int{0: http.StatusCreated, 1: http.StatusRequestEntityTooLarge} {
			s := newServerWith(t, serverOptions{limits: ingest.Limits{Body: int64(unpacked) - over}})
			a := s.post(service, reader(packed), "Content-Encoding", encoding)
			assert.Equal(t, status, a.status, "%q, %d over", encoding, over)
		}
	}
}

func TestARowLargerThanTheLimitIsRefusedAlone(t *testing.T) {
	t.Parallel()
	large := `{"end_user":"ann","messages":"` + strings.Repeat("x", 4096) + `"}`
	for name, form := range map[string]func(...string) string{"an array": array, "NDJSON": lines} {
		s := newServerWith(t, serverOptions{limits: ingest.Limits{Row: 1024}})
		a := s.log(service, form(`{"model":"a"}`, large, `{"model":"b"}`), http.StatusMultiStatus)
		assert.Equal(t, 2, a.Accepted, name)
		require.Len(t, a.Errors, 1)
		assert.Equal(t, 1, a.Errors[0].Index)
		assert.Equal(t, "54000", a.Errors[0].Code)
		alone := s.log(service, large, http.StatusRequestEntityTooLarge)
		assert.Equal(t, "54000", alone.Code)
		assert.Equal(t, int64(2), s.logs())
	}
}
