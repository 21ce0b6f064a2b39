package conversation_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"

	. "github.com/llmtally/llmtally/http/dashboard/conversation"
)

func say(role, text string) Turn { return Turn{role, []Part{{Kind: Text, Text: text}}} }

func TestMessagesAreReadInTheShapesOfTheLargeProviders(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		raw  string
		want []Turn
	}{
		"nothing":          {``, nil},
		"null":             {`null`, nil},
		"an empty object":  {`{}`, nil},
		"an empty list":    {`[]`, nil},
		"an empty text":    {`""`, nil},
		"not JSON":         {`{`, nil},
		"a text":           {`"Why is the sky blue?"`, []Turn{say("user", "Why is the sky blue?")}},
		"texts":            {`["one","two"]`, []Turn{{"", []Part{{Kind: Text, Text: "one"}, {Kind: Text, Text: "two"}}}}},
		"JSON in a text":   {`"[{\"role\":\"user\",\"content\":\"hi\"}]"`, []Turn{say("user", "hi")}},
		"OpenAI's chat":    {`[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]`, []Turn{say("system", "Be brief."), say("user", "Hi")}},
		"a single message": {`{"role":"user","content":"Hi"}`, []Turn{say("user", "Hi")}},
		"a whole request":  {`{"model":"m","system":"Be brief.","messages":[{"role":"user","content":"Hi"}]}`, []Turn{say("system", "Be brief."), say("user", "Hi")}},
		"OpenAI's parts": {
			`[{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}},` +
				`{"type":"input_audio","input_audio":{"data":"UklG","format":"wav"}}]}]`,
			[]Turn{{"user", []Part{{Kind: Text, Text: "What is this?"}, {Kind: Image, URL: "https://example.com/a.png"}, {Kind: File, Name: "wav"}}}},
		},
		"OpenAI's tools": {
			`[{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},` +
				`{"role":"tool","tool_call_id":"c1","content":"{\"celsius\":21}"}]`,
			[]Turn{
				{"assistant", []Part{{Kind: ToolCall, Name: "weather", ID: "c1", Text: "{\n  \"city\": \"Rome\"\n}"}}},
				{"tool", []Part{{Kind: ToolResult, ID: "c1", Text: "{\n  \"celsius\": 21\n}"}}},
			},
		},
		"Anthropic's blocks": {
			`[{"role":"assistant","content":[{"type":"thinking","thinking":"Hm."},{"type":"text","text":"I look."},{"type":"tool_use","id":"t1","name":"read","input":{"path":"/a"}}]},` +
				`{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"words"}]},` +
				`{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0="}}]}]`,
			[]Turn{
				{"assistant", []Part{{Kind: Thinking, Text: "Hm."}, {Kind: Text, Text: "I look."}, {Kind: ToolCall, ID: "t1", Name: "read", Text: "{\n  \"path\": \"/a\"\n}"}}},
				{"user", []Part{{Kind: ToolResult, ID: "t1", Text: "words"}, {Kind: Image, URL: "data:image/png;base64,iVBORw0="}}},
			},
		},
		"a tool of Anthropic's that failed": {
			`[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"no such file"},{"type":"tool_result","tool_use_id":"t2","is_error":false,"content":"ok"}]}]`,
			[]Turn{{"user", []Part{{Kind: ToolResult, ID: "t1", Text: "no such file", Failed: true}, {Kind: ToolResult, ID: "t2", Text: "ok"}}}},
		},
		"OpenAI's Responses": {
			`[{"role":"user","content":[{"type":"input_text","text":"Hi"},{"type":"input_image","image_url":"https://example.com/b.png"}]},` +
				`{"type":"reasoning","summary":[{"type":"summary_text","text":"Thinking."}]},` +
				`{"type":"function_call","call_id":"c2","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c2","output":"42"}]`,
			[]Turn{
				{"user", []Part{{Kind: Text, Text: "Hi"}, {Kind: Image, URL: "https://example.com/b.png"}}},
				{"assistant", []Part{{Kind: Thinking, Text: "Thinking."}, {Kind: ToolCall, ID: "c2", Name: "f", Text: "{}"}}},
				{"tool", []Part{{Kind: ToolResult, ID: "c2", Text: "42"}}},
			},
		},
		"Gemini's parts": {
			`{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hi"},{"inlineData":{"mimeType":"image/jpeg","data":"/9g="}}]},` +
				`{"role":"model","parts":[{"text":"Hm.","thought":true},{"functionCall":{"name":"f","args":{"x":1}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"y":2}}}]}]}`,
			[]Turn{
				say("system", "Be brief."),
				{"user", []Part{{Kind: Text, Text: "Hi"}, {Kind: Image, URL: "data:image/jpeg;base64,/9g="}}},
				{"model", []Part{{Kind: Thinking, Text: "Hm."}, {Kind: ToolCall, Name: "f", Text: "{\n  \"x\": 1\n}"}}},
				{"user", []Part{{Kind: ToolResult, Name: "f", Text: "{\n  \"y\": 2\n}"}}},
			},
		},
		"an unknown shape": {`{"wish":"peace","n":12345678901234567890}`, []Turn{{"", []Part{{Kind: Unknown, Text: "{\n  \"n\": 12345678901234567890,\n  \"wish\": \"peace\"\n}"}}}}},
		"an unknown part":  {`[{"role":"user","content":[{"type":"smell","of":"<roses>"}]}]`, []Turn{{"user", []Part{{Kind: Unknown, Text: "{\n  \"of\": \"<roses>\",\n  \"type\": \"smell\"\n}"}}}}},
		"numbers":          {`[1,2.50]`, []Turn{{"", []Part{{Kind: Text, Text: "1"}, {Kind: Text, Text: "2.50"}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, Messages(json.RawMessage(tt.raw)))
		})
	}
}

func TestResponsesAreReadInTheShapesOfTheLargeProviders(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		raw  string
		want []Turn
	}{
		"nothing":            {``, nil},
		"a text":             {`"Because."`, []Turn{say("assistant", "Because.")}},
		"OpenAI's chat":      {`{"choices":[{"message":{"role":"assistant","content":"Because."}}],"usage":{}}`, []Turn{say("assistant", "Because.")}},
		"several choices":    {`{"choices":[{"message":{"content":"a"}},{"message":{"content":"b"}}]}`, []Turn{say("assistant", "a"), say("assistant", "b")}},
		"OpenAI's old form":  {`{"choices":[{"text":"Because."}]}`, []Turn{say("assistant", "Because.")}},
		"a refusal":          {`{"choices":[{"message":{"role":"assistant","content":null,"refusal":"No."}}]}`, []Turn{{"assistant", []Part{{Kind: Refusal, Text: "No."}}}}},
		"reasoning":          {`{"choices":[{"message":{"role":"assistant","content":"42","reasoning_content":"Hm."}}]}`, []Turn{{"assistant", []Part{{Kind: Thinking, Text: "Hm."}, {Kind: Text, Text: "42"}}}}},
		"Anthropic's":        {`{"role":"assistant","content":[{"type":"text","text":"Because."}]}`, []Turn{say("assistant", "Because.")}},
		"OpenAI's Responses": {`{"output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Because."}]}]}`, []Turn{say("assistant", "Because.")}},
		"Gemini's":           {`{"candidates":[{"content":{"role":"model","parts":[{"text":"Because."}]}}]}`, []Turn{say("model", "Because.")}},
		"usage alone":        {`{"usage":{"prompt_tokens":1}}`, []Turn{{"assistant", []Part{{Kind: Unknown, Text: "{\n  \"usage\": {\n    \"prompt_tokens\": 1\n  }\n}"}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, Response(json.RawMessage(tt.raw)))
		})
	}
}

func TestOnlyImagesThatHoldNoScriptAreShown(t *testing.T) {
	t.Parallel()
	for url, shown := range map[string]bool{
		"data:image/png;base64,iVBORw0=":             true,
		"data:image/JPEG;base64,/9g=":                true,
		"data:image/webp;base64,UklG":                true,
		"data:image/svg+xml;base64,PHN2Zz4=":         false,
		"data:text/html;base64,PHN2Zz4=":             false,
		"data:image/png,<script>":                    false,
		"data:image/png;base64,\" onerror=\"alert()": false,
		"data:image/png;charset=x;base64,iVBORw0=":   false,
		"https://example.com/a.png":                  false,
		"javascript:alert(1)":                        false,
		"":                                           false,
	} {
		_, ok := Part{Kind: Image, URL: url}.DataImage()
		assert.Equal(t, shown, ok, url)
	}
	_, ok := Part{Kind: File, URL: "data:image/png;base64,iVBORw0="}.DataImage()
	assert.False(t, ok, "a file is not shown")
}

func TestOnlyAddressesOnTheWebBecomeLinks(t *testing.T) {
	t.Parallel()
	for url, link := range map[string]bool{
		"https://example.com/a.png": true, "http://example.com": true,
		"javascript:alert(1)": false, "JaVaScRiPt:alert(1)": false, " javascript:alert(1)": false, "data:text/html,x": false,
		"file:///etc/passwd": false, "//example.com/a": false, "/users": false, "https:": false, "gs://bucket/a": false, "": false, "\x00": false,
	} {
		_, ok := Part{Kind: Image, URL: url}.Link()
		assert.Equal(t, link, ok, url)
	}
}

func FuzzAnyJSONCanBeRead(f *testing.F) {
	for _, seed := range []string{
		`[{"role":"user","content":[{"type":"text","text":"a"}]}]`, `{"choices":[{"message":{"tool_calls":[{"function":{}}]}}]}`,
		`{"contents":{"parts":{"functionCall":{"args":[]}}}}`, `[[[["a"]]],null,{"type":"tool_result","content":{"type":"image"}}]`, `"{"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, turns := range [][]Turn{Messages(raw), Response(raw)} {
			for _, turn := range turns {
				for _, p := range turn.Parts {
					assert.NotEmpty(t, p.Kind)
					if link, ok := p.Link(); ok {
						assert.Regexp(t, `^https?://`, link)
					}
				}
			}
		}
	})
}

func TestEmbeddingsAreNothingThatAnAssistantSaid(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,0.2]}],"usage":{"prompt_tokens":3}}`,
		`{"embeddings":[[0.1]],"texts":["a"]}`, `{"embedding":{"values":[0.1]}}`, `{"embeddings":[{"values":[0.1]}]}`,
	} {
		turns := Response(json.RawMessage(raw))
		if assert.Len(t, turns, 1, raw) {
			assert.Equal(t, "embedding", turns[0].Role)
			assert.JSONEq(t, raw, turns[0].Parts[0].Text, "nothing is lost")
		}
	}
	assert.Equal(t, "assistant", Response(json.RawMessage(`{"data":[{"url":"https://example.com/a.png"}]}`))[0].Role)
}
