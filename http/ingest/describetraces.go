package ingest

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/http/ingest/otlp"
)

// describeTraces adds the door of OTLP/HTTP, whose messages are protobuf's own:
// their JSON is described, as far as llmtally reads and writes it.
func describeTraces(api *huma.OpenAPI) {
	text := func(description string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Description: description}
	}
	message := func(properties map[string]*huma.Schema) *huma.Schema {
		return &huma.Schema{Type: huma.TypeObject, Properties: properties, AdditionalProperties: true}
	}
	content := func(json *huma.Schema, name string) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{
			otlp.JSON.MediaType:     {Schema: json},
			otlp.Protobuf.MediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary", Description: name}},
		}
	}
	accepted := message(map[string]*huma.Schema{"partialSuccess": message(map[string]*huma.Schema{
		"rejectedSpans": text("How many spans are not stored: a number, as a text."),
		"errorMessage":  text("Which, and why."),
	})})
	status := message(map[string]*huma.Schema{"message": text("What went wrong.")})
	failure := func(description string) *huma.Response {
		return &huma.Response{Description: description, Content: content(status, "google.rpc.Status")}
	}
	api.AddOperation(&huma.Operation{
		Method: http.MethodPost, Path: "/v1/traces", OperationID: "log-traces", Summary: "Log requests by OpenTelemetry's spans",
		Description: "OTLP/HTTP in protobuf or JSON. Spans of LLM requests, by the GenAI conventions, OpenLLMetry's, OpenInference's " +
			"or LiteLLM's, become logs; other spans are accepted and passed over. A body has at most 64 MiB. " +
			"Content-Encoding gzip and zstd are taken. An accepted answer means that the logs are on disk.",
		RequestBody: &huma.RequestBody{Required: true, Content: content(
			message(map[string]*huma.Schema{"resourceSpans": {Type: huma.TypeArray, Items: message(nil)}}), "ExportTraceServiceRequest")},
		Responses: map[string]*huma.Response{
			"200": {
				Description: "The spans are stored, but for those that partialSuccess tells of.",
				Content:     content(accepted, "ExportTraceServiceResponse"),
			},
			"400": failure("The body is malformed, or broke off."),
			"401": failure("No key, or a bad one; or anon may not do this."),
			"403": failure("The caller may not log this."),
			"408": failure("The body did not arrive in time."),
			"413": failure("The body is too large."),
			"415": failure("The Content-Type or Content-Encoding is not supported."),
			"503": failure("Too many logs wait to be written, or the disk is full; see Retry-After."),
		},
	})
}
