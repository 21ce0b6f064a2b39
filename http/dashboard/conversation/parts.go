package conversation

import "strings"

// parts reads a message's content: a text, a part, or a list of both.
func parts(content any) (all []Part) {
	switch v := content.(type) {
	case nil:
		return nil
	case string:
		return []Part{{Kind: Text, Text: v}}
	case []any:
		for _, one := range v {
			all = append(all, parts(one)...)
		}
		return all
	case object:
		if p, ok := item(v); ok {
			return []Part{p}
		}
		return []Part{unknown(v)}
	default:
		return []Part{{Kind: Text, Text: plain(v)}}
	}
}

// item reads an object that is a part of its own: a block of Anthropic's, a part
// of OpenAI's or Gemini's, an item of the Responses.
func item(o object) (Part, bool) {
	if p, ok := geminiPart(o); ok {
		return p, true
	}
	switch text(o, "type") {
	case "text", "input_text", "output_text", "summary_text":
		return Part{Kind: Text, Text: text(o, "text")}, true
	case "thinking", "reasoning", "reasoning_text":
		return Part{Kind: Thinking, Text: thought(o)}, true
	case "redacted_thinking":
		return Part{Kind: Thinking, Text: "(redacted)"}, true
	case "refusal":
		return Part{Kind: Refusal, Text: text(o, "refusal", "text")}, true
	case "tool_use", "server_tool_use", "mcp_tool_use", "function_call", "custom_tool_call", "function", "tool_call":
		return toolCall(o), true
	case "tool_result", "function_call_output", "custom_tool_call_output", "web_search_tool_result", "mcp_tool_result":
		return toolResult(o), true
	case "image", "image_url", "input_image", "image_generation_call":
		return image(o)
	case "document", "file", "input_file", "input_audio", "audio", "video_url":
		return file(o)
	}
	return Part{}, false
}

// thought is what a model thought, in Anthropic's or OpenAI's shape.
func thought(o object) string {
	if s := text(o, "thinking", "text"); s != "" {
		return s
	}
	var lines []string
	for _, name := range []string{"summary", "content"} {
		for _, p := range parts(o[name]) {
			lines = append(lines, p.Text)
		}
	}
	return strings.Join(lines, "\n\n")
}

func toolResult(o object) Part {
	p := Part{Kind: ToolResult, Name: text(o, "name"), ID: text(o, "tool_use_id", "call_id")}
	p.Failed, _ = o["is_error"].(bool)
	content := o["content"]
	if content == nil {
		content = o["output"]
	}
	inner := parts(content)
	if len(inner) == 1 && inner[0].Kind == Text {
		p.Text = indentedText(inner[0].Text)
		return p
	}
	p.Text = plain(content)
	return p
}

// image reads OpenAI's {image_url: "…"} and {image_url: {url}}, Anthropic's
// {source: {type: base64, media_type, data}} and {source: {url}}, and the answer
// of an image generator.
func image(o object) (Part, bool) {
	p := Part{Kind: Image}
	switch v := o["image_url"].(type) {
	case string:
		p.URL = v
	case object:
		p.URL = text(v, "url")
	}
	if p.URL == "" {
		p.URL = sourceURL(o)
	}
	if p.URL == "" && text(o, "result") != "" {
		p.URL = "data:image/png;base64," + text(o, "result")
	}
	if p.URL == "" {
		p.Name = text(o, "file_id")
	}
	return p, p.URL != "" || p.Name != ""
}

func sourceURL(o object) string {
	source, ok := o["source"].(object)
	if !ok {
		return ""
	}
	if data := text(source, "data"); data != "" {
		return "data:" + text(source, "media_type", "mime_type") + ";base64," + data
	}
	return text(source, "url")
}

// file names what is sent along. Its contents stay in the JSON.
func file(o object) (Part, bool) {
	p := Part{Kind: File, Name: text(o, "filename", "title", "file_id")}
	for _, name := range []string{"file", "input_audio", "audio", "video_url", "source"} {
		if inner, ok := o[name].(object); ok {
			if p.Name == "" {
				p.Name = text(inner, "filename", "file_id", "format", "media_type", "id")
			}
			p.URL = text(inner, "url")
			p.Text = text(inner, "transcript")
		}
	}
	return p, true
}

// geminiPart reads a part of Gemini's, which has no type.
func geminiPart(o object) (Part, bool) {
	if text(o, "type") != "" || text(o, "role") != "" {
		return Part{}, false
	}
	member := func(names ...string) (object, bool) {
		for _, name := range names {
			if inner, ok := o[name].(object); ok {
				return inner, true
			}
		}
		return nil, false
	}
	if inner, ok := member("functionCall", "function_call"); ok {
		return toolCall(inner), true
	}
	if inner, ok := member("functionResponse", "function_response"); ok {
		return Part{Kind: ToolResult, Name: text(inner, "name"), ID: text(inner, "id"), Text: plain(inner["response"])}, true
	}
	if inner, ok := member("inlineData", "inline_data"); ok {
		media := text(inner, "mimeType", "mime_type")
		if !strings.HasPrefix(media, "image/") {
			return Part{Kind: File, Name: media}, true
		}
		return Part{Kind: Image, URL: "data:" + media + ";base64," + text(inner, "data")}, true
	}
	if inner, ok := member("fileData", "file_data"); ok {
		return Part{Kind: File, Name: text(inner, "mimeType", "mime_type"), URL: text(inner, "fileUri", "file_uri")}, true
	}
	if s, ok := o["text"].(string); ok {
		if thinks, _ := o["thought"].(bool); thinks {
			return Part{Kind: Thinking, Text: s}, true
		}
		return Part{Kind: Text, Text: s}, true
	}
	return Part{}, false
}
