package store

import (
	"regexp"
	"strings"
	"unicode"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/llmtally/llmtally/store/query"
)

type patternKey struct {
	kind query.PatternKind
	text string
}

// patterns keeps compiled patterns: one is asked of every row of a query.
var patterns = func() *lru.Cache[patternKey, *regexp.Regexp] {
	cache, err := lru.New[patternKey, *regexp.Regexp](128)
	if err != nil {
		panic(err) // the size is right
	}
	return cache
}()

// CompilePattern returns a pattern as a regular expression. Its error is an
// *Error as PostgreSQL gives it. Regular expressions are what PostgreSQL and Go
// (RE2) both know: without back references and lookahead, in linear time, and
// escapes mean what they do in PostgreSQL.
func CompilePattern(kind query.PatternKind, text string) (*regexp.Regexp, error) {
	key := patternKey{kind, text}
	if re, ok := patterns.Get(key); ok {
		return re, nil
	}
	source, err := patternSource(kind, text)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, errorf("2201B", "invalid regular expression: %s", clip(text))
	}
	patterns.Add(key, re)
	return re, nil
}

func patternSource(kind query.PatternKind, text string) (string, error) {
	switch kind {
	case query.Match: // to PostgreSQL a line's end is a character like others
		source, err := matchSource(text)
		return "(?s)" + source, err
	case query.IMatch:
		source, err := matchSource(text)
		return "(?is)" + source, err
	}
	body, err := likeSource(text)
	if kind == query.ILike {
		return "(?is)^" + body + "$", err
	}
	return "(?s)^" + body + "$", err
}

// escapes are PostgreSQL's escapes in regular expressions, as Go writes them.
var escapes = map[rune]string{
	'a': `\a`, 'b': `\x08`, 'B': `\\`, 'e': `\x1b`, 'f': `\f`, 'n': `\n`, 'r': `\r`, 't': `\t`, 'v': `\v`, '0': `\x00`,
	'd': `\d`, 'D': `\D`, 's': `\s`, 'S': `\S`, 'w': `\w`, 'W': `\W`,
	'A': `\A`, 'Z': `\z`, 'y': `\b`, 'Y': `\B`,
}

// matchSource writes a regular expression of PostgreSQL's as Go's.
func matchSource(pattern string) (string, error) {
	var out strings.Builder
	escaped := false
	for _, c := range pattern {
		switch known, ok := escapes[c]; {
		case !escaped && c == '\\':
			escaped = true
			continue
		case !escaped:
			out.WriteRune(c)
		case ok:
			out.WriteString(known)
		case c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c):
			return "", errorf("2201B", "invalid regular expression: invalid escape \\ sequence")
		default:
			out.WriteString(`\` + string(c))
		}
		escaped = false
	}
	if escaped {
		return "", errorf("2201B", "invalid regular expression: invalid escape \\ sequence")
	}
	return out.String(), nil
}

// likeSource turns a LIKE pattern into a regular expression: % is any text, _
// any character, and a backslash takes the next character as it is.
func likeSource(pattern string) (string, error) {
	var out strings.Builder
	escaped := false
	for _, c := range pattern {
		switch {
		case escaped:
			out.WriteString(regexp.QuoteMeta(string(c)))
			escaped = false
		case c == '\\':
			escaped = true
		case c == '%':
			out.WriteString(".*")
		case c == '_':
			out.WriteString(".")
		default:
			out.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	if escaped {
		return "", errorf("22025", "LIKE pattern must not end with escape character")
	}
	return out.String(), nil
}
