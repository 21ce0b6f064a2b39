package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/rawjson"
)

// Rows reads logs from a stream of JSON: one object, an array of objects, or
// objects on lines of their own (NDJSON); the first byte decides. It holds no
// more than one row and a chunk in memory. The logs that it returns keep slices
// of its chunks, which are never written again.
type Rows struct {
	r      io.Reader
	decode decoder
	maxRow int

	chunk []byte // what was read; chunk[pos:] is not yet used
	pos   int
	ended bool // r has no more

	started bool
	array   bool
	rows    int // rows begun in an array
	raw     []byte
}

// NewRows returns a reader of rows of at most maxRow bytes. sizeHint is how
// long the stream may be; it may be wrong.
func NewRows(r io.Reader, maxRow int, sizeHint int64) *Rows {
	size := int64(smallChunk)
	if sizeHint > 0 {
		size = min(sizeHint+1, largeChunk)
	}
	return &Rows{r: r, decode: store.DecodeLog, maxRow: maxRow, chunk: make([]byte, 0, size)}
}

const (
	smallChunk = 4 << 10
	largeChunk = 256 << 10
)

// A Refused error is about one row; the rows after it can be read.
type Refused struct{ Reason *store.Error }

func (e *Refused) Error() string { return e.Reason.Error() }

func refused(code, format string, args ...any) error {
	return &Refused{&store.Error{Code: code, Message: fmt.Sprintf(format, args...)}}
}

// errMalformed ends a stream that is not what it should be.
func errMalformed(format string, args ...any) error {
	p := problem.New(400, fmt.Sprintf(format, args...))
	p.Code = problem.CodeBadJSON
	return p.WithHint("send a JSON object, an array of objects, or objects on lines of their own (NDJSON)")
}

// Raw returns the text of the row that Next returned last.
func (s *Rows) Raw() []byte { return s.raw }

// Next returns the next row. A *Refused error is about this row alone, io.EOF
// the end, and any other error ends the stream.
func (s *Rows) Next() (store.Log, error) {
	if !s.started {
		if err := s.start(); err != nil {
			return store.Log{}, err
		}
	}
	for {
		if err := s.toRow(); err != nil {
			return store.Log{}, err
		}
		if !s.literalNull() {
			return s.row()
		}
	}
}

// start looks at the first byte.
func (s *Rows) start() error {
	s.started = true
	for len(s.chunk)-s.pos < 3 && s.more(3) == nil {
	}
	if bytes.HasPrefix(s.chunk[s.pos:], []byte("\ufeff")) {
		s.pos += 3
	}
	first, err := s.peek()
	if err == io.EOF {
		return errMalformed("the body is empty")
	}
	if err != nil {
		return err
	}
	switch first {
	case '[':
		s.array = true
		s.pos++
	case '{':
	default:
		return errMalformed("the body begins with %q, not with { or [", first)
	}
	return nil
}

// toRow moves to the first byte of the next row.
func (s *Rows) toRow() error {
	first, err := s.peek()
	if !s.array {
		return err
	}
	if err == io.EOF {
		return errMalformed("the body ends inside the array")
	}
	if err != nil {
		return err
	}
	s.rows++
	switch {
	case first == ']':
		s.pos++
		return s.afterArray()
	case s.rows == 1:
		return nil
	case first != ',':
		return errMalformed("expected , or ] after row %d of the array", s.rows-2)
	}
	s.pos++
	if first, err = s.peek(); err == io.EOF {
		return errMalformed("the body ends inside the array")
	} else if first == ']' {
		return errMalformed("expected a row after the , in the array")
	}
	return err
}

func (s *Rows) afterArray() error {
	if _, err := s.peek(); err == nil {
		return errMalformed("there is more after the array's end")
	} else if err != io.EOF {
		return err
	}
	s.rows = 0
	s.array = false // from now on Next returns io.EOF
	return io.EOF
}

// literalNull passes over a null, which stands for no row.
func (s *Rows) literalNull() bool {
	if s.chunk[s.pos] != 'n' {
		return false
	}
	for len(s.chunk)-s.pos < 4 && s.more(4) == nil {
	}
	if !bytes.HasPrefix(s.chunk[s.pos:], []byte("null")) {
		return false
	}
	s.pos += 4
	return true
}

// row reads the row that begins here.
func (s *Rows) row() (store.Log, error) {
	if s.chunk[s.pos] != '{' {
		return store.Log{}, s.notAnObject()
	}
	for {
		window := s.chunk[s.pos:min(len(s.chunk), s.pos+s.maxRow+1)]
		log, length, invalid, err := s.decode(window)
		switch {
		case err == nil && length > s.maxRow:
			s.pos += length
			return store.Log{}, s.tooLarge()
		case err == nil:
			s.raw = s.chunk[s.pos : s.pos+length]
			s.pos += length
			return log, asRefused(invalid)
		case !errors.Is(err, rawjson.ErrShort):
			return store.Log{}, s.broken(err)
		case len(window) > s.maxRow:
			return store.Log{}, s.skip(s.tooLarge())
		}
		// Twice as much each time, so that decoding again stays linear.
		if err := s.more(2 * (len(s.chunk) - s.pos)); err == io.EOF {
			return store.Log{}, s.broken(rawjson.ErrShort)
		} else if err != nil {
			return store.Log{}, err
		}
	}
}

func asRefused(invalid error) error {
	var reason *store.Error
	if errors.As(invalid, &reason) {
		return &Refused{reason}
	}
	return invalid
}

// broken deals with a row that is not JSON. An array has no way to go on; on
// lines, the next line that begins an object is the next row.
func (s *Rows) broken(err error) error {
	if s.array {
		return s.skip(refused(problem.CodeBadJSON, "%v", err))
	}
	if lineErr := s.nextLine(); lineErr != nil && lineErr != io.EOF {
		return lineErr
	}
	return refused(problem.CodeBadJSON, "%v", err)
}

// nextLine moves to the next line that begins with {, so that an object printed
// over several lines is one bad row and not one for each line.
func (s *Rows) nextLine() error {
	from := s.pos
	for {
		if i := bytes.Index(s.chunk[from:], []byte("\n{")); i >= 0 {
			s.pos = from + i + 1
			return nil
		}
		s.pos = max(s.pos, len(s.chunk)-1) // the newline may be the last byte
		if err := s.more(2); err != nil {
			s.pos = len(s.chunk)
			return err
		}
		from = s.pos
	}
}

// notAnObject passes over a row that is another kind of value.
func (s *Rows) notAnObject() error {
	if !s.array {
		if err := s.nextLine(); err != nil && err != io.EOF {
			return err
		}
		return refused(problem.CodeBadJSON, "a row must be a JSON object")
	}
	for {
		window := s.chunk[s.pos:min(len(s.chunk), s.pos+s.maxRow+1)]
		_, end, err := rawjson.Value(window, 0)
		more := errors.Is(err, rawjson.ErrShort) || err == nil && end == len(window)
		switch {
		case more && len(window) > s.maxRow:
			return s.skip(s.tooLarge())
		case more:
			if err := s.more(2 * len(window)); err == io.EOF {
				return errMalformed("the body ends inside the array")
			} else if err != nil {
				return err
			}
		case err != nil && window[0] == '[':
			return s.broken(err)
		case err != nil:
			return errMalformed("row %d of the array: %v", s.rows-1, err)
		default:
			s.pos += end
			return refused(problem.CodeBadJSON, "a row must be a JSON object")
		}
	}
}

func (s *Rows) tooLarge() error {
	return refused(problem.CodeTooLarge, "the row is larger than the %d bytes that one may have", s.maxRow)
}

// skip passes over a value without holding it, to where its brackets close or
// the next item begins, and returns the reason.
func (s *Rows) skip(reason error) error {
	depth, inString, escaped := 0, false, false
	for {
		for i, c := range s.chunk[s.pos:] {
			switch {
			case escaped:
				escaped = false
			case inString && c == '\\':
				escaped = true
			case c == '"':
				inString = !inString
			case inString:
			case c == '{' || c == '[':
				depth++
			case depth == 0 && (c == ',' || c == ']' || c == '}'):
				s.pos += i
				return reason
			case c == '}' || c == ']':
				if depth--; depth == 0 {
					s.pos += i + 1
					return reason
				}
			}
		}
		s.pos = len(s.chunk)
		if err := s.more(1); err == io.EOF && s.array {
			return errMalformed("the body ends inside the array")
		} else if err == io.EOF {
			return reason
		} else if err != nil {
			return err
		}
	}
}

// peek returns the next byte that is not white space.
func (s *Rows) peek() (byte, error) {
	for {
		if s.pos = rawjson.Space(s.chunk, s.pos); s.pos < len(s.chunk) {
			return s.chunk[s.pos], nil
		}
		if err := s.more(1); err != nil {
			return 0, err
		}
	}
}

// more reads until at least n bytes wait to be used. io.EOF means that nothing
// came at all; less than n may have come before the end.
func (s *Rows) more(n int) error {
	if s.ended {
		return io.EOF
	}
	s.room(n)
	waiting := len(s.chunk) - s.pos
	for len(s.chunk)-s.pos < n {
		read, err := s.r.Read(s.chunk[len(s.chunk):cap(s.chunk)])
		s.chunk = s.chunk[:len(s.chunk)+read]
		if err == io.EOF {
			s.ended = true
			break
		}
		if err != nil {
			return err
		}
	}
	if len(s.chunk)-s.pos == waiting {
		return io.EOF
	}
	return nil
}

// room makes sure that n bytes from pos fit, and that there is something to
// read into. Chunks that logs may refer to are left alone.
func (s *Rows) room(n int) {
	if cap(s.chunk)-s.pos >= n && len(s.chunk) < cap(s.chunk) {
		return
	}
	size := max(n+n/8, min(2*cap(s.chunk), largeChunk))
	fresh := make([]byte, 0, size)
	s.chunk = append(fresh, s.chunk[s.pos:]...)
	s.pos = 0
}
