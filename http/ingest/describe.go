package ingest

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
)

// columnNotes are what the columns' names do not say.
var columnNotes = map[string]string{
	"created_at":         "When the request began: RFC 3339, PostgreSQL's form, epoch seconds, or now(). Default: now.",
	"user_profile_id":    "The user. Absent: the caller's own id, else end_user.",
	"status":             "success (the default), failure, error, initiated, or your own.",
	"litellm_call_id":    "Identifies the request: sent again it changes nothing, and it completes an initiated one.",
	"response_time":      "Seconds; 0 when unknown.",
	"tokens_used":        "Default: prompt_tokens + completion_tokens.",
	"prompt_tokens":      "All input, cache included. Default: from response.usage.",
	"completion_tokens":  "All output, reasoning included. Default: from response.usage.",
	"cache_read_tokens":  "A part of prompt_tokens.",
	"cache_write_tokens": "A part of prompt_tokens.",
	"reasoning_tokens":   "A part of completion_tokens.",
	"total_cost":         "USD; null when unknown.",
	"provider":           "Default: the model's prefix, as in openai/gpt-4o.",
}

// Describe adds the logging doors to the API's description. Their handlers read
// streams, so huma does not run them.
func Describe(api *huma.OpenAPI) {
	result := api.Components.Schemas.Schema(reflect.TypeFor[Result](), true, "Result")
	refused := api.Components.Schemas.Schema(reflect.TypeFor[problemDocument](), true, "LogsProblem")
	answer := func(description, media string, schema *huma.Schema) *huma.Response {
		return &huma.Response{Description: description, Content: map[string]*huma.MediaType{media: {Schema: schema}}}
	}
	failure := func(description string) *huma.Response {
		return answer(description, "application/problem+json", refused)
	}
	responses := map[string]*huma.Response{
		"201": answer("All logs are stored.", "application/json", result),
		"207": answer("Some logs are stored; errors names the others.", "application/json", result),
		"400": failure("The body is not JSON, or broke off."),
		"401": failure("No key, or a bad one; or anon may not do this."),
		"403": failure("The caller may not log this."),
		"408": failure("The body did not arrive in time."),
		"413": failure("The body or a log is too large."),
		"415": failure("The Content-Encoding is not supported."),
		"422": failure("No log is stored; errors says why."),
		"503": failure("Too many logs wait to be written; see Retry-After."),
		"507": failure("The disk is full."),
	}
	add := func(path, id, summary, description string, row *huma.Schema) {
		api.AddOperation(&huma.Operation{
			Method: http.MethodPost, Path: path, OperationID: id, Summary: summary,
			Description: description + " The first byte of the body decides whether it is an object, an array or NDJSON. " +
				"Content-Encoding gzip and zstd are taken. An accepted answer means that the logs are on disk.",
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
				"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
					row,
					{Type: huma.TypeArray, Items: row},
				}}},
				"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString, Description: "One object a line."}},
			}},
			Responses: responses,
		})
	}
	add("/v1/logs", "log-requests", "Log requests", "The members of an object are the columns of request_logs.", logSchema())
	add("/v1/litellm", "log-litellm", "Log requests from LiteLLM's generic_api callback",
		"An object is LiteLLM's StandardLoggingPayload.", &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true})
	describeTraces(api)
}

func logSchema() *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: true}
	for _, c := range store.Schema["request_logs"].Columns {
		if c.Name == "id" {
			continue
		}
		column := &huma.Schema{Description: columnNotes[c.Name], Nullable: true}
		switch c.Type {
		case query.Int:
			column.Type = huma.TypeInteger
		case query.Real, query.Double:
			column.Type = huma.TypeNumber
		case query.Text:
			column.Type = huma.TypeString
		case query.Time:
			column.Type, column.Format = huma.TypeString, "date-time"
		}
		s.Properties[c.Name] = column
	}
	return s
}
