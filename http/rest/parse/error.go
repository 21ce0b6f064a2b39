package parse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The codes of PostgREST that this package gives.
const (
	CodeSyntax = "PGRST100" // the query string does not parse; status 400
	CodeRange  = "PGRST103" // no such range of rows; status 416
)

// An Error refuses a request for its form alone. Message and Details carry the
// words that PostgREST uses, as far as clients are known to show them.
type Error struct {
	Code    string
	Message string
	Details string
}

func (e *Error) Error() string { return e.Message + ": " + e.Details + " (" + e.Code + ")" }

// A failure says where a text stopped making sense and what could have stood
// there instead.
type failure struct {
	at         int    // in bytes
	unexpected string // as shown, empty when note says it all
	expecting  []string
	note       string
}

// failed makes a failure an Error. The subject is what was being parsed, as
// "filter (foo.1)"; the text is what was read, which may start with a word that
// the client wrote in the parameter's name.
func failed(subject, text string, f *failure) error {
	line, column := position(text[:min(f.at, len(text))])
	return &Error{
		Code:    CodeSyntax,
		Message: fmt.Sprintf(`"failed to parse %s" (line %d, column %d)`, subject, line, column),
		Details: f.details(),
	}
}

func (f *failure) details() string {
	if f.note != "" {
		return f.note
	}
	text := "unexpected " + f.unexpected
	if len(f.expecting) > 0 {
		text += " expecting " + alternatives(f.expecting)
	}
	return text
}

// alternatives lists words as "a, b or c", each once.
func alternatives(words []string) string {
	var list []string
	for _, word := range words {
		if !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	last := len(list) - 1
	if last == 0 {
		return list[0]
	}
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// position counts lines and columns from 1; a tab reaches to the next multiple
// of eight, as PostgREST's parser has it.
func position(before string) (line, column int) {
	line, column = 1, 1
	for _, r := range before {
		switch r {
		case '\n':
			line, column = line+1, 1
		case '\t':
			column += 8 - (column-1)%8
		default:
			column++
		}
	}
	return line, column
}

// show gives the character at the start of a text between quotation marks.
func show(text string, mark byte) string {
	if text == "" {
		return "end of input"
	}
	r, _ := utf8.DecodeRuneInString(text)
	shown := string(r)
	switch {
	case r == rune(mark) || r == '\\':
		shown = `\` + shown
	case r == '\n':
		shown = `\n`
	case r == '\t':
		shown = `\t`
	case r < ' ' || r > '~':
		shown = `\` + strconv.Itoa(int(r))
	}
	return string(mark) + shown + string(mark)
}
