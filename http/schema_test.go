package http_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A document is an OpenAPI description. It validates JSON by the part of JSON
// Schema that ours uses; a keyword that it does not know is a complaint too.
type document map[string]any

// validate returns what is wrong with a body.
func (d document) validate(schema any, body string) (complaints []string) {
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		return []string{err.Error()}
	}
	d.check(schema.(map[string]any), value, "$", func(format string, args ...any) {
		complaints = append(complaints, fmt.Sprintf(format, args...))
	})
	return complaints
}

// resolve returns what a reference within the document leads to, or nil.
func (d document) resolve(reference string) any {
	path, local := strings.CutPrefix(reference, "#/")
	if !local {
		return nil
	}
	var at any = map[string]any(d)
	for key := range strings.SplitSeq(path, "/") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[key]
	}
	return at
}

func (d document) check(schema map[string]any, value any, at string, complain func(string, ...any)) {
	for keyword, rule := range schema {
		switch keyword {
		case "description", "default", "examples", "title", "readOnly", "writeOnly", "contentEncoding":
		case "$ref":
			target, ok := d.resolve(rule.(string)).(map[string]any)
			if !ok {
				complain("%s: %s leads nowhere", at, rule)
				return
			}
			d.check(target, value, at, complain)
		case "type":
			if !hasType(rule, value) {
				complain("%s: %v is not of type %v", at, value, rule)
			}
		case "enum":
			if !slices.Contains(rule.([]any), value) {
				complain("%s: %v is not one of %v", at, value, rule)
			}
		case "format":
			checkFormat(rule.(string), value, at, complain)
		case "minimum":
			if n, ok := value.(float64); ok && n < rule.(float64) {
				complain("%s: %v is below %v", at, n, rule)
			}
		case "items":
			items, _ := value.([]any)
			for i, item := range items {
				d.check(rule.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i), complain)
			}
		case "properties", "required", "additionalProperties":
		default:
			complain("%s: the keyword %s is unknown", at, keyword)
		}
	}
	if object, ok := value.(map[string]any); ok {
		d.checkMembers(schema, object, at, complain)
	}
}

func (d document) checkMembers(schema, object map[string]any, at string, complain func(string, ...any)) {
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := object[name.(string)]; !ok {
			complain("%s: %s is missing", at, name)
		}
	}
	for name, value := range object {
		if rule, ok := properties[name].(map[string]any); ok {
			d.check(rule, value, at+"."+name, complain)
			continue
		}
		switch others := schema["additionalProperties"].(type) {
		case bool:
			if !others {
				complain("%s: %s is not described", at, name)
			}
		case map[string]any:
			d.check(others, value, at+"."+name, complain)
		}
	}
}

func hasType(rule, value any) bool {
	if types, ok := rule.([]any); ok {
		return slices.ContainsFunc(types, func(one any) bool { return hasType(one, value) })
	}
	switch v := value.(type) {
	case nil:
		return rule == "null"
	case bool:
		return rule == "boolean"
	case string:
		return rule == "string"
	case float64:
		return rule == "number" || rule == "integer" && v == float64(int64(v))
	case []any:
		return rule == "array"
	default:
		return rule == "object"
	}
}

func checkFormat(format string, value any, at string, complain func(string, ...any)) {
	text, isText := value.(string)
	switch format {
	case "date-time":
		if _, err := time.Parse(time.RFC3339, text); isText && err != nil {
			complain("%s: %q is no RFC 3339 time", at, text)
		}
	case "int64", "int32", "double", "float", "uri":
	default:
		complain("%s: the format %s is unknown", at, format)
	}
}

func TestTheValidatorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	d := document{"components": map[string]any{"name": map[string]any{"type": "string"}}}
	schema := map[string]any{
		"type": "object", "required": []any{"name"}, "additionalProperties": false,
		"properties": map[string]any{
			"name": map[string]any{"$ref": "#/components/name"},
			"at":   map[string]any{"type": []any{"string", "null"}, "format": "date-time"},
			"list": map[string]any{"type": "array", "items": map[string]any{"type": "integer"}},
		},
	}
	for body, right := range map[string]bool{
		`{"name":"a"}`: true, `{"name":"a","at":null,"list":[1,2]}`: true, `{"name":"a","at":"2026-01-01T00:00:00+00:00"}`: true,
		`{}`: false, `{"name":1}`: false, `{"name":"a","at":"noon"}`: false, `{"name":"a","list":[1.5]}`: false,
		`{"name":"a","more":1}`: false, `[]`: false, `null`: false, `{`: false,
	} {
		assert.Equal(t, right, len(d.validate(schema, body)) == 0, body)
	}
}
