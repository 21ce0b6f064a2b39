package v1

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/http/problem"
)

// describeStream adds the stream to the API's description. Its handler takes the
// connection into its own hands, so huma does not run it.
func describeStream(api *huma.OpenAPI) {
	row := api.Components.Schemas.Schema(reflect.TypeFor[streamRow](), true, "StreamRow")
	refused := api.Components.Schemas.Schema(reflect.TypeFor[problem.Problem](), true, "Problem")
	event := func(name, description string) *huma.Schema {
		return &huma.Schema{
			Type: huma.TypeObject, Description: description, Required: []string{"event", "id", "data"},
			Properties: map[string]*huma.Schema{
				"event": {Type: huma.TypeString, Enum: []any{name}},
				"id":    {Type: huma.TypeString, Description: "Where to go on after this event."},
				"data":  row,
			},
		}
	}
	place := func(in, name, description string) *huma.Param {
		return &huma.Param{In: in, Name: name, Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	failure := func(description string) *huma.Response {
		return &huma.Response{Description: description, Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: refused},
		}}
	}
	api.AddOperation(&huma.Operation{
		Method: http.MethodGet, Path: StreamPath, OperationID: "stream-activity",
		Summary: "Requests as they come, as server-sent events",
		Description: "An event for each log that the caller may see, in the form of a row of /v1/activity with the `error_kind` beside it: " +
			"`request` when it is logged, and `completed` when one that was sent while it was `initiated` has come to its end. " +
			"A comment comes at least every 15 seconds. The stream ends with the token that opened it, " +
			"when the client does not take what is sent, and when the server shuts down; " +
			"ask again with the last event's id, and nothing is lost or comes twice.",
		Parameters: []*huma.Param{
			place("header", "Last-Event-ID", "Go on after the event of this id. Browsers send it by themselves."),
			place("query", "after", "The same, for clients that cannot set the header."),
		},
		Responses: map[string]*huma.Response{
			"200": {Description: "The stream.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{
				Type: huma.TypeArray, Description: "Each element is one event, its members the fields of the event.",
				Items: &huma.Schema{OneOf: []*huma.Schema{
					event(eventRequest, "A log that is new."),
					event(eventCompleted, "A log that was sent before it had ended."),
				}},
			}}}},
			"401": failure("No key, or a bad one; or anon may not do this."),
			"422": failure("The place to go on from is not one."),
			"503": failure("Too many streams are open, or the server is shutting down; see Retry-After."),
		},
	})
}
