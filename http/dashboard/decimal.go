package dashboard

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/store"
)

// inThousands is a number with its thousands apart.
var inThousands = regexp.MustCompile(`^\d{1,3}(,\d{3})+(\.\d+)?$`)

// plainDecimal takes the signs off a number that people write around it. A comma
// stands before thousands or not at all: who writes 12,50 means 12.5, and would
// get 1250.
func plainDecimal(text string) (plain string, ok bool) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "$")
	if !strings.Contains(text, ",") {
		return text, true
	}
	return strings.ReplaceAll(text, ",", ""), inThousands.MatchString(text)
}

// decimal reads a number as people write it.
func decimal(what, text string) (float64, error) {
	text, ok := plainDecimal(text)
	f, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil {
		return 0, &store.Error{Code: store.CodeInvalidText, Message: what + mustBeDecimal}
	}
	return f, nil
}

const mustBeDecimal = " must be a number, as in 12.50 or 1,250"
