package ingest_test

import (
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// jsonObject returns an object of texts: names and values in turn.
func jsonObject(members ...string) (string, error) {
	object := map[string]string{}
	for i := 0; i < len(members); i += 2 {
		object[members[i]] = members[i+1]
	}
	text, err := json.Marshal(object)
	return string(text), err
}

func decode(t testing.TB, r io.Reader, into any) {
	t.Helper()
	require.NoError(t, json.NewDecoder(r).Decode(into))
}
