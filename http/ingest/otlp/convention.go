package otlp

import "strings"

// The names of what a log is made of, newest first: of OpenTelemetry's GenAI
// conventions and of those before them (Traceloop's OpenLLMetry, LiteLLM), then
// OpenInference's, then Vercel's AI SDK's. The first that is found wins.
var (
	providerNames   = []string{"gen_ai.provider.name", "gen_ai.system", "llm.provider"}
	modelNames      = []string{"gen_ai.response.model", "gen_ai.request.model", "llm.model_name", "embedding.model_name", "ai.model.id"}
	inputNames      = []string{"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "ai.usage.tokens"}
	outputNames     = []string{"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"}
	cacheReadNames  = []string{"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "llm.token_count.prompt_details.cache_read"}
	cacheWriteNames = []string{
		"gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
		"gen_ai.usage.cache_creation_input_tokens", "llm.token_count.prompt_details.cache_write",
	}
	reasoningNames = []string{"gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "llm.token_count.completion_details.reasoning"}
	costNames      = []string{"gen_ai.cost.total_cost", "litellm.cost.total", "gen_ai.usage.cost", "llm.cost.total"}
	kindNames      = []string{"gen_ai.operation.name", "openinference.span.kind", "llm.request.type", "ai.operationId"}

	inputContent  = []string{"gen_ai.input.messages", "gen_ai.prompt", "ai.prompt.messages"}
	outputContent = []string{"gen_ai.output.messages", "gen_ai.completion", "ai.response.text"}

	// detailNames go to additional_details as they are.
	detailNames = []string{
		"gen_ai.operation.name", "gen_ai.conversation.id", "gen_ai.agent.name", "gen_ai.response.finish_reasons",
		"gen_ai.response.time_to_first_chunk", "session.id", "server.address", "service.name", "deployment.environment.name",
	}
)

const (
	callID             = "gen_ai.response.id"
	systemInstructions = "gen_ai.system_instructions"
	errorType          = "error.type"

	inputPrefix, outputPrefix                           = "gen_ai.prompt.", "gen_ai.completion."
	openInferenceInputPrefix, openInferenceOutputPrefix = "llm.input_messages.", "llm.output_messages."
	openInferenceInput, openInferenceOutput             = "input.value", "output.value"
)

// indexed are the prefixes of lists that are spread over many attributes
// (gen_ai.prompt.0.role).
var indexed = []string{inputPrefix, outputPrefix, openInferenceInputPrefix, openInferenceOutputPrefix}

// kept are the names of all attributes that matter, users' apart.
var kept = func() []string {
	names := []string{callID, systemInstructions, errorType, openInferenceInput, openInferenceOutput}
	for _, list := range [][]string{
		providerNames, modelNames, inputNames, outputNames, cacheReadNames, cacheWriteNames, reasoningNames, costNames,
		kindNames, inputContent, outputContent, detailNames,
	} {
		names = append(names, list...)
	}
	return names
}()

// inferences are the kinds of spans that are one request to a model. Agents'
// and tools' spans repeat their sums.
var inferences = map[string]bool{
	// gen_ai.operation.name
	"chat": true, "text_completion": true, "generate_content": true, "embeddings": true,
	// openinference.span.kind
	"LLM": true, "EMBEDDING": true,
	// llm.request.type of Traceloop's, and the call types that LiteLLM gives as
	// either
	"completion": true, "acompletion": true, "atext_completion": true, "embedding": true, "aembedding": true,
	"responses": true, "aresponses": true, "anthropic_messages": true,
	"agenerate_content": true, "generate_content_stream": true, "agenerate_content_stream": true,
}

// infers says whether the span is of one request to a model.
func (s *span) infers() bool {
	for _, name := range kindNames {
		kind := s.attributes.text(name)
		if kind == "" {
			continue
		}
		if name == "ai.operationId" { // ai.generateText.doGenerate; ai.generateText repeats its sums
			return strings.HasSuffix(kind, ".doGenerate") || strings.HasSuffix(kind, ".doStream") || strings.HasSuffix(kind, ".doEmbed")
		}
		return inferences[kind]
	}
	return false
}

// systems are the newer names of what gen_ai.system says.
var systems = map[string]string{
	"gemini": "gcp.gemini", "vertex_ai": "gcp.vertex_ai", "az.ai.openai": "azure.ai.openai",
}

func (s *span) provider() string {
	for _, name := range providerNames {
		provider := s.attributes.text(name)
		if newer, ok := systems[provider]; ok && name == "gen_ai.system" {
			return newer
		}
		if provider != "" {
			return provider
		}
	}
	return ""
}

// statusError is STATUS_CODE_ERROR of a span's status.
const statusError = 2

// The events that say something of the request.
const (
	eventException = "exception"
	eventDetails   = "gen_ai.client.inference.operation.details"
	eventPrompt    = "gen_ai.content.prompt"
	eventOutput    = "gen_ai.content.completion"
	eventChoice    = "gen_ai.choice"
)

// messageRoles are the events that are one message of the prompt each, with the
// role that they imply.
var messageRoles = map[string]string{
	"gen_ai.system.message": "system", "gen_ai.user.message": "user",
	"gen_ai.assistant.message": "assistant", "gen_ai.tool.message": "tool",
}

var keptEvents = map[string]bool{
	eventException: true, eventDetails: true, eventPrompt: true, eventOutput: true, eventChoice: true,
	"gen_ai.system.message": true, "gen_ai.user.message": true, "gen_ai.assistant.message": true, "gen_ai.tool.message": true,
}

// messageParts are an event's attributes that are members of its message.
var messageParts = []string{"role", "content", "id", "name", "tool_calls", "index", "finish_reason", "message"}

// eventContent is all of a message as JSON, as Azure's SDKs have it.
const eventContent = "gen_ai.event.content"

func keepsOfEvents(keeps func(string) bool) func(string) bool {
	return func(name string) bool { return eventNames[name] || keeps(name) }
}

var eventNames = func() map[string]bool {
	names := map[string]bool{
		eventContent: true, "exception.type": true, "exception.message": true, "exception.stacktrace": true,
	}
	for _, name := range messageParts {
		names[name] = true
	}
	return names
}()
