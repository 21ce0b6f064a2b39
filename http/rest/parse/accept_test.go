package parse_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llmtally/llmtally/http/rest/parse"
)

// Sections 2 and 3, Accept.
func TestAccept(t *testing.T) {
	t.Parallel()
	json := parse.MediaType{Kind: parse.JSONArray, Text: "application/json"}
	csv := parse.MediaType{Kind: parse.CSV, Text: "text/csv"}
	anything := parse.MediaType{Kind: parse.AnyMedia, Text: "*/*"}
	other := func(text string) parse.MediaType { return parse.MediaType{Text: text} }
	object := parse.MediaType{Kind: parse.JSONObject, Text: "application/vnd.pgrst.object+json"}
	stripped := parse.MediaType{Kind: parse.JSONArray, StripNulls: true, Text: "application/vnd.pgrst.array+json;nulls=stripped"}
	for _, c := range []struct {
		header string
		want   []parse.MediaType
	}{
		{"", []parse.MediaType{anything}},
		{"*/*", []parse.MediaType{anything}},
		{"application/json", []parse.MediaType{json}},
		{"application/vnd.pgrst.object+json", []parse.MediaType{object}},
		{"application/vnd.pgrst.array+json;nulls=stripped", []parse.MediaType{stripped}},
		{"application/vnd.pgrst.array+json", []parse.MediaType{{Kind: parse.JSONArray, Text: "application/vnd.pgrst.array+json"}}},
		{`application/vnd.pgrst.object+json; Nulls="stripped"`,
			[]parse.MediaType{{Kind: parse.JSONObject, StripNulls: true, Text: `application/vnd.pgrst.object+json; Nulls="stripped"`}}},
		{"ApplicatIon/vnd.PgRsT.object+json", []parse.MediaType{{Kind: parse.JSONObject, Text: "ApplicatIon/vnd.PgRsT.object+json"}}},
		{"application/json; charset=utf-8", []parse.MediaType{{Kind: parse.JSONArray, Text: "application/json; charset=utf-8"}}},
		{"application/json;nulls=stripped", []parse.MediaType{{Kind: parse.JSONArray, Text: "application/json;nulls=stripped"}}},
		{"text/csv; version=1", []parse.MediaType{{Kind: parse.CSV, Text: "text/csv; version=1"}}},
		{"text/csv, */*", []parse.MediaType{csv, anything}},
		{"*/*, text/csv", []parse.MediaType{csv, anything}},
		{"text/csv, application/json", []parse.MediaType{csv, json}},
		{"text/csv;q=0.5, application/json;q=0.9", []parse.MediaType{json, csv}},
		{"text/csv;q=0, */*", []parse.MediaType{anything}},
		{"text/csv;q=0", []parse.MediaType{}},
		{"text/csv;q=abc, application/json;q=2", []parse.MediaType{csv, json}},
		{"text/csv;q=NaN;version=1", []parse.MediaType{{Kind: parse.CSV, Text: "text/csv;version=1"}}},
		{"text/unknown, text/csv", []parse.MediaType{other("text/unknown"), csv}},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
			[]parse.MediaType{other("text/html"), other("application/xhtml+xml"), other("application/xml"), anything}},
		{"application/vnd.pgrst.plan+json", []parse.MediaType{other("application/vnd.pgrst.plan+json")}},
		{"application/*", []parse.MediaType{other("application/*")}},
	} {
		assert.Equal(t, c.want, parse.ParseAccept([]string{c.header}), c.header)
	}
	assert.Equal(t, []parse.MediaType{anything}, parse.ParseAccept(nil))
	assert.Equal(t, []parse.MediaType{csv, json}, parse.ParseAccept([]string{"text/csv", "application/json"}))
}
