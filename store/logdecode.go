package store

import (
	"github.com/llmtally/llmtally/store/rawjson"
)

// DecodeLog reads the JSON object at the start of b, after white space, as a
// Log: members are the columns of request_logs, unknown ones are passed over.
// It returns the length read. err is rawjson.ErrShort when b ends inside the
// object and a *rawjson.SyntaxError when it is not JSON; then the length means
// nothing. invalid is the first value that its column refuses; the length
// holds all the same, so that the next object can be read.
//
// JSON columns are slices of b, which must not change afterwards.
func DecodeLog(b []byte) (log Log, length int, invalid error, err error) {
	length, err = rawjson.Object(b, 0, func(key, value []byte) {
		c, ok := logColumnByName[string(key)]
		if !ok || c == ColID || invalid != nil {
			return
		}
		invalid = log.SetJSON(c, value)
	})
	return log, length, invalid, err
}
