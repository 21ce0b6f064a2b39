package notify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds a sentence in a message, in characters: with each of them
// escaped it still fits into Discord's 2,000, with a link.
const maxText = 900

// oneLine returns text, which may come from anybody, as one line of at most
// limit characters. White space of any kind becomes single spaces. What cannot
// be seen (control characters, bidirectional and zero-width marks, what is no
// UTF-8) becomes U+FFFD instead of vanishing, so that nobody's id looks like
// another's.
func oneLine(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return unicode.ReplacementChar
	}, text)
	return shorten(strings.Join(strings.Fields(text), " "), limit)
}

// shorten returns at most limit characters of s; an ellipsis says that there
// were more.
func shorten(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	runes := []rune(s)
	return strings.TrimSpace(string(runes[:max(limit-1, 0)])) + "…"
}

// unlinked returns text in which mail programs and chats find no URL to make a
// link of. It is for what people other than the operator wrote.
func unlinked(text string) string { return strings.ReplaceAll(text, "://", ": //") }
