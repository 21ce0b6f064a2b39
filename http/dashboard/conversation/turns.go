package conversation

// turnsOf reads a list of messages, or of the items of OpenAI's Responses. What
// has no role has the one given.
func turnsOf(list []any, role string) (turns []Turn) {
	for _, v := range list {
		t := turn(v, role)
		// Items without a role of their own (a call, its thoughts, an answer's
		// parts) belong together.
		if last := len(turns) - 1; last >= 0 && turns[last].Role == t.Role && !isMessage(v) {
			turns[last].Parts = append(turns[last].Parts, t.Parts...)
			continue
		}
		turns = append(turns, t)
	}
	return turns
}

func isMessage(v any) bool {
	o, ok := v.(object)
	return ok && text(o, "role") != ""
}

// turn reads one message or item.
func turn(v any, role string) Turn {
	o, ok := v.(object)
	if !ok {
		return Turn{Role: role, Parts: parts(v)}
	}
	t := Turn{Role: role}
	if own := text(o, "role"); own != "" {
		t.Role = own
	}
	if !hasBody(o) {
		if p, ok := item(o); ok {
			t.Role = itemRole(p, t.Role)
			t.Parts = []Part{p}
			return t
		}
		t.Parts = []Part{unknown(o)}
		return t
	}
	if thought := text(o, "reasoning_content", "reasoning"); thought != "" {
		t.Parts = append(t.Parts, Part{Kind: Thinking, Text: thought})
	}
	switch {
	case t.Role == "tool" || t.Role == "function":
		t.Parts = append(t.Parts, toolMessage(o)...)
	case o["parts"] != nil:
		t.Parts = append(t.Parts, parts(o["parts"])...)
	default:
		t.Parts = append(t.Parts, parts(o["content"])...)
	}
	if refusal := text(o, "refusal"); refusal != "" {
		t.Parts = append(t.Parts, Part{Kind: Refusal, Text: refusal})
	}
	t.Parts = append(t.Parts, calls(o)...)
	return t
}

// hasBody says whether an object is a message, not an item on its own.
func hasBody(o object) bool {
	for _, name := range []string{"content", "parts", "tool_calls", "function_call", "refusal"} {
		if _, ok := o[name]; ok && !isItem(o) {
			return true
		}
	}
	return false
}

// isItem says whether an object's type makes it a part, whatever else it has:
// a tool's result has content, too.
func isItem(o object) bool {
	switch text(o, "type") {
	case "", "message":
		return false
	default:
		return text(o, "role") == ""
	}
}

func itemRole(p Part, role string) string {
	switch {
	case role != "":
		return role
	case p.Kind == ToolResult:
		return "tool"
	case p.Kind == ToolCall || p.Kind == Thinking:
		return "assistant"
	default:
		return ""
	}
}

// toolMessage is what a tool gave back, as OpenAI's chat sends it.
func toolMessage(o object) []Part {
	result := Part{Kind: ToolResult, Name: text(o, "name"), ID: text(o, "tool_call_id")}
	inner := parts(o["content"])
	if o["parts"] != nil {
		return parts(o["parts"])
	}
	if len(inner) == 1 && inner[0].Kind == Text {
		result.Text = indentedText(inner[0].Text)
		return []Part{result}
	}
	return append([]Part{result}, inner...)
}

// calls are the tools that a chat message asks for.
func calls(o object) (all []Part) {
	list, _ := o["tool_calls"].([]any)
	for _, v := range list {
		if call, ok := v.(object); ok {
			all = append(all, toolCall(call))
		}
	}
	if call, ok := o["function_call"].(object); ok {
		all = append(all, toolCall(call))
	}
	return all
}

// toolCall reads {id, function: {name, arguments}}, and the same without
// function.
func toolCall(o object) Part {
	p := Part{Kind: ToolCall, ID: text(o, "call_id", "id")}
	inner, ok := o["function"].(object)
	if !ok {
		if inner, ok = o["custom"].(object); !ok {
			inner = o
		}
	}
	p.Name = text(inner, "name")
	for _, name := range []string{"arguments", "input", "args"} {
		if v, ok := inner[name]; ok {
			p.Text = plain(v)
			break
		}
	}
	return p
}

// choices reads OpenAI's chat and completions.
func choices(o object) (turns []Turn) {
	list, _ := o["choices"].([]any)
	for _, v := range list {
		choice, ok := v.(object)
		if !ok {
			continue
		}
		for _, name := range []string{"message", "delta"} {
			if message, ok := choice[name].(object); ok {
				turns = append(turns, turn(message, "assistant"))
			}
		}
		if s := text(choice, "text"); s != "" {
			turns = append(turns, Turn{Role: "assistant", Parts: []Part{{Kind: Text, Text: s}}})
		}
	}
	return turns
}

// output reads OpenAI's Responses.
func output(o object) []Turn {
	if list, ok := o["output"].([]any); ok {
		return turnsOf(list, "assistant")
	}
	if s := text(o, "output", "output_text"); s != "" {
		return []Turn{{Role: "assistant", Parts: []Part{{Kind: Text, Text: s}}}}
	}
	return nil
}

// candidates reads Gemini's answers.
func candidates(o object) (turns []Turn) {
	list, _ := o["candidates"].([]any)
	for _, v := range list {
		if c, ok := v.(object); ok && c["content"] != nil {
			turns = append(turns, fromAny(c["content"], "model")...)
		}
	}
	return turns
}

// embeddings reads the answer of a model that turns texts into numbers, as OpenAI,
// Cohere and Gemini send it: nobody says anything there.
func embeddings(o object) []Turn {
	holder := o
	if data, _ := o["data"].([]any); len(data) > 0 {
		holder, _ = data[0].(object)
	}
	for _, name := range []string{"embedding", "embeddings"} {
		if holder[name] != nil {
			return []Turn{{Role: "embedding", Parts: []Part{unknown(o)}}}
		}
	}
	return nil
}
