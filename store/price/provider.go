package price

import (
	"slices"
	"strings"
)

// canonical returns the id of the provider that a name means, or "". Ids are
// genai-prices'; extra are further ones, which imports brought. In this order:
// the ways of writing that we know, the ids themselves, the services that sell
// others' models (Azure, Bedrock, Vertex), genai-prices' own matchers.
func (t *Table) canonical(name string) string {
	plain := plainName(name)
	if plain == "" {
		return ""
	}
	if id, ok := t.named(plain); ok {
		return id
	}
	if head, ok := cutEndpoint(plain); ok {
		if id, ok := t.named(head); ok {
			return id
		}
	}
	if isSomebodyElse(plain) {
		return ""
	}
	for _, s := range services {
		if strings.Contains(plain, s.word) {
			return s.id
		}
	}
	name = fold(name)
	for i := range t.providers {
		if t.providers[i].Match.matches(name) {
			return t.providers[i].ID
		}
	}
	return ""
}

// named finds a provider by an alias or its id, both in plain letters.
func (t *Table) named(plain string) (string, bool) {
	if id, ok := aliases[plain]; ok {
		return id, true
	}
	id, ok := t.ids[plain]
	return id, ok
}

// fold is how names are compared.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

var plainLetters = strings.NewReplacer(" ", "_", ".", "_", "-", "_")

// plainName is how providers' names are compared: `Azure OpenAI`,
// `azure.openai` and `azure-openai` are one.
func plainName(name string) string { return plainLetters.Replace(fold(name)) }

// cutEndpoint cuts what Vercel's AI SDK adds to a provider (`openai.chat`).
func cutEndpoint(plain string) (string, bool) {
	i := strings.LastIndexByte(plain, '_')
	if i <= 0 || !slices.Contains(endpoints, plain[i+1:]) {
		return "", false
	}
	return plain[:i], true
}

var endpoints = []string{"chat", "responses", "messages", "completion", "completions", "embedding", "image"}

// isSomebodyElse says whether a name is that of a server which speaks a known
// provider's language without being it.
func isSomebodyElse(plain string) bool {
	return slices.ContainsFunc(imitations, func(word string) bool { return strings.Contains(plain, word) })
}

var imitations = []string{"compatible", "_like", "custom", "hosted", "local", "proxy", "mock", "sagemaker"}

// services sell other companies' models; their names may hold those
// companies' names too (`vertex_ai-anthropic_models`, `azure_openai`).
var services = []struct{ word, id string }{
	{"azure", "azure"}, {"bedrock", "aws"}, {"vertex", "google"},
}

// aliases are other names of providers, in plain letters: LiteLLM's,
// OpenTelemetry's (gen_ai.system, gen_ai.provider.name), LangChain's and
// Vercel's.
var aliases = map[string]string{
	"open_ai": "openai", "text_completion_openai": "openai",
	"claude":       "anthropic",
	"az_ai_openai": "azure", "az_ai_inference": "azure", "microsoft_foundry": "azure",
	"aws": "aws", "amazon": "aws", "amazon_nova": "aws",
	"gemini": "google", "google_genai": "google", "google_ai_studio": "google", "gcp_gemini": "google",
	"gcp_gen_ai": "google", "google_gla": "google", "google_generative_ai": "google", "palm": "google",
	"xai": "x-ai", "x_ai": "x-ai", "grok": "x-ai",
	"mistralai": "mistral", "mistral_ai": "mistral", "codestral": "mistral", "text_completion_codestral": "mistral",
	"cohere_chat": "cohere", "cohere_ai": "cohere",
	"deep_seek":   "deepseek",
	"together_ai": "together", "togetherai": "together",
	"fireworks_ai": "fireworks", "fireworksai": "fireworks",
	"perplexity_ai": "perplexity", "pplx": "perplexity",
	"moonshot": "moonshotai", "moonshot_ai": "moonshotai", "moonshotai": "moonshotai",
	"voyage": "voyageai", "voyage_ai": "voyageai",
	"open_router": "openrouter", "novita_ai": "novita", "cerebras_ai": "cerebras",
	"zhipu": "zhipuai", "zhipu_ai": "zhipuai", "bigmodel": "zhipuai", "z_ai": "zai",
	"ovh": "ovhcloud", "ovh_cloud": "ovhcloud",
}

// gateways pass requests on and name the provider in the model. What they ask
// for themselves is not in any token's price.
var gateways = []string{
	"litellm", "litellm_proxy", "helicone", "portkey", "portkey_ai", "vercel", "vercel_ai_gateway",
}

func isGateway(name string) bool { return slices.Contains(gateways, plainName(name)) }

// isNobody says whether a provider's name is how a client writes that it knows
// none.
func isNobody(name string) bool {
	switch name {
	case "unknown", "none", "null", "undefined":
		return true
	}
	return false
}
