package price_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

const unpriced = "unpriced"

// spellings are what clients send for a provider and a model, and what that
// means: the provider's canonical id and the model's, or unpriced.
var spellings = []struct{ provider, model, want string }{
	// OpenAI.
	{"openai", "gpt-4o", "openai gpt-4o"},
	{"openai", "openai/gpt-4o", "openai gpt-4o"},
	{"", "openai/gpt-4o", "openai gpt-4o"},
	{"", "gpt-4o", "openai gpt-4o"},
	{"", "openai:gpt-4o", "openai gpt-4o"},
	{"OpenAI", "GPT-4o", "openai gpt-4o"},
	{" openai ", " gpt-4o ", "openai gpt-4o"},
	{"unknown", "gpt-4o", "openai gpt-4o"},
	{"openai.chat", "gpt-4o", "openai gpt-4o"},
	{"openai", "gpt-4o-2024-08-06", "openai gpt-4o"},
	{"openai", "gpt-4o-2031-12-24", "openai gpt-4o"},
	{"openai", "gpt-4o-20311224", "openai gpt-4o"},
	{"openai", "gpt-4o-latest", "openai gpt-4o"},
	{"openai", "gpt-4o-2024-99-99", unpriced},
	{"openai", "gpt-5-codex", "openai gpt-5"},
	{"openai", "openai/responses/o3-pro", "openai o3-pro"},
	{"text-completion-openai", "text-completion-openai/gpt-3.5-turbo-instruct", "openai gpt-3.5-turbo-instruct"},
	{"", "text-embedding-3-small", "openai text-embedding-3-small"},
	{"", "ft:gpt-4o-2024-08-06:acme::9xYz", "openai ft:gpt-4o"},
	{"openai", "acme-finest", unpriced},
	{"openai", "claude-3-5-sonnet", unpriced},

	// Azure has prices of its own and, beside them, OpenAI's and Anthropic's.
	{"azure", "gpt-4o", "azure gpt-4o"},
	{"azure", "azure/gpt-4o", "azure gpt-4o"},
	{"azure", "azure/eu/gpt-4o", "azure gpt-4o"},
	{"", "azure/global/gpt-4o-2024-08-06", "azure gpt-4o"},
	{"azure", "azure/us/gpt-4.1-2025-04-14", "azure gpt-4.1"},
	{"azure", "gpt-35-turbo", "azure gpt-3.5-turbo"},
	{"Azure OpenAI", "o1-mini", "azure o1-mini"},
	{"azure.ai.openai", "o4-mini-2025-04-16", "azure o4-mini"},
	{"az.ai.inference", "phi-4", "azure phi-4"},
	{"azure_ai", "azure_ai/claude-opus-4-1", "azure claude-opus-4-1"},
	{"azure", "azure/our-deployment", unpriced},

	// Bedrock.
	{"bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0", "aws regional.anthropic.claude-3-5-sonnet-20240620-v1:0"},
	{"bedrock", "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0", "aws regional.anthropic.claude-haiku-4-5-20251001-v1:0"},
	{"bedrock", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws regional.anthropic.claude-sonnet-4-5-20250929-v1:0"},
	{"bedrock", "bedrock/us-east-1/anthropic.claude-sonnet-4-20250514-v1:0", "aws regional.anthropic.claude-sonnet-4-20250514-v1:0"},
	{"bedrock_converse", "bedrock/converse/us.amazon.nova-lite-v1:0", "aws amazon.nova-lite-v1:0"},
	{"aws.bedrock", "global.anthropic.claude-opus-4-5-20251101-v1:0", "aws global.anthropic.claude-opus-4-5-v1:0"},
	{"amazon-bedrock", "eu.amazon.nova-pro-v1:0", "aws amazon.nova-pro-v1:0"},
	{"", "meta.llama3-3-70b-instruct-v1:0", "aws meta.llama3-3-70b-instruct-v1:0"},
	{"anthropic", "us.anthropic.claude-opus-4-6-v1", "aws regional.anthropic.claude-opus-4-6-v1:0"},
	{"", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6-v1:0", "aws regional.anthropic.claude-sonnet-4-6-v1:0"},
	{"bedrock", "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-opus-5", "aws regional.anthropic.claude-opus-5"},
	{"bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", unpriced},
	{"bedrock", "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/amazon.nova-pro-v1", unpriced},
	{"bedrock", "bedrock/us-west-2/6-month-commitment/amazon.titan-text-lite-v1", unpriced},

	// Google.
	{"gemini", "gemini/gemini-2.5-pro", "google gemini-2.5-pro"},
	{"vertex_ai", "vertex_ai/gemini-2.5-flash", "google gemini-2.5-flash"},
	{"vertex_ai_beta", "gemini-1.5-pro-002", "google gemini-1.5-pro"},
	{"vertex_ai-anthropic_models", "vertex_ai/claude-3-5-sonnet-v2@20241022", "google claude-3-5-sonnet"},
	{"vertex_ai", "claude-haiku-4-5@20251001", "google claude-haiku-4-5"},
	{"gcp.gemini", "models/gemini-2.0-flash-lite", "google gemini-2.0-flash-lite"},
	{"gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash-lite", "google gemini-2.5-flash-lite"},
	{"google_genai", "gemini-2.5-flash", "google gemini-2.5-flash"},
	{"google_vertexai", "google/gemini-2.5-pro", "google gemini-2.5-pro"},
	{"", "models/gemini-2.5-flash", "google gemini-2.5-flash"},
	{"", "projects/acme/locations/us-central1/publishers/google/models/gemini-3-pro-preview", "google gemini-3-pro-preview"},
	{"", "projects/acme/locations/europe-west1/publishers/anthropic/models/claude-opus-4-8@default", "google claude-opus-4-8"},
	{"", "gemini-2.5-pro", "google gemini-2.5-pro"},
	{"google", "projects/acme/locations/us-central1/endpoints/4711", unpriced},

	// Anthropic.
	{"anthropic", "claude-3-5-sonnet-20241022", "anthropic claude-3-5-sonnet"},
	{"Anthropic", "anthropic/claude-3-5-haiku-latest", "anthropic claude-3-5-haiku-latest"},
	{"", "claude-sonnet-4@20250514", "anthropic claude-sonnet-4-0"},
	{"anthropic", "claude-sonnet-4-5-20250929[1m]", "anthropic claude-sonnet-4-5"},

	// OpenRouter and its variants.
	{"openrouter", "openrouter/anthropic/claude-3.7-sonnet", "openrouter anthropic/claude-3.7-sonnet"},
	{"openrouter", "anthropic/claude-sonnet-4.5", "openrouter anthropic/claude-sonnet-4.5"},
	{"", "openrouter/openai/gpt-4o", "openrouter openai/gpt-4o"},
	{"openrouter", "openai/gpt-4o:extended", "openrouter openai/gpt-4o:extended"},
	{"openrouter", "anthropic/claude-haiku-4.5:beta", "openrouter anthropic/claude-haiku-4.5"},
	{"openrouter", "openai/gpt-5:nitro", "openrouter openai/gpt-5"},
	{"openrouter", "google/gemma-9-99b:free", "openrouter google/gemma-9-99b:free"},
	{"openrouter", "google/gemma-9-99b", unpriced},

	// Others.
	{"groq", "groq/llama-3.1-8b-instant", "groq llama-3.1-8b-instant"},
	{"groq", "meta-llama/llama-4-scout-17b-16e-instruct", "groq meta-llama/llama-4-scout-17b-16e-instruct"},
	{"together_ai", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", "together meta-llama/Llama-3.3-70B-Instruct-Turbo"},
	{"togetherai.chat", "mistralai/Mixtral-8x7B-Instruct-v0.1", "together mistralai/Mixtral-8x7B-Instruct-v0.1"},
	{"fireworks_ai", "fireworks_ai/accounts/fireworks/models/deepseek-v3p2", "fireworks deepseek-v3p2"},
	{"fireworks_ai", "fireworks_ai/kimi-k2p5", "fireworks kimi-k2p5"},
	{"", "accounts/fireworks/models/gpt-oss-20b", "fireworks gpt-oss-20b"},
	{"huggingface", "huggingface/together/deepseek-ai/DeepSeek-R1", "huggingface_together deepseek-ai/DeepSeek-R1"},
	{"", "huggingface/groq/openai/gpt-oss-20b", "huggingface_groq openai/gpt-oss-20b"},
	{"huggingface", "Qwen/Qwen3-32B:groq", "huggingface_groq Qwen/Qwen3-32B"},
	{"huggingface", "deepseek-ai/DeepSeek-R1", unpriced},
	{"xai", "xai/grok-4", "x-ai grok-4-0709"},
	{"x_ai", "grok-3-beta", "x-ai grok-3"},
	{"", "grok-4.5", "x-ai grok-4.5"},
	{"mistral", "mistral/mistral-medium-latest", "mistral mistral-medium-3"},
	{"mistral_ai", "codestral-latest", "mistral codestral"},
	{"", "mistralai/mistral-large-2411", "mistral mistral-large"},
	{"deepseek", "deepseek/deepseek-chat", "deepseek deepseek-chat"},
	{"", "deepseek-reasoner", "deepseek deepseek-reasoner"},
	{"cohere_chat", "command-r-plus-08-2024", "cohere command-r-plus"},
	{"cohere", "cohere/command-a-03-2025", "cohere command-a"},
	{"perplexity", "perplexity/sonar-pro", "perplexity sonar-pro"},
	{"", "sonar", "perplexity sonar"},
	{"voyage", "voyage/voyage-3-large", "voyageai voyage-3-large"},
	{"cerebras", "cerebras/gpt-oss-120b", "cerebras gpt-oss-120b"},
	{"moonshot", "moonshot/kimi-k2-thinking", "moonshotai kimi-k2-thinking"},

	// Gateways are looked through.
	{"litellm_proxy", "litellm_proxy/openai/gpt-4o", "openai gpt-4o"},
	{"litellm", "groq/llama-3.1-8b-instant", "groq llama-3.1-8b-instant"},
	{"", "litellm_proxy/claude-opus-4-1", "anthropic claude-opus-4-1"},
	{"litellm_proxy", "litellm_proxy/ollama/gpt-4o", unpriced},

	// A provider that is named and not known: whatever the model is called.
	{"ollama", "ollama/gpt-4o", unpriced},
	{"", "ollama/llama3", unpriced},
	{"ollama", "gpt-4o", unpriced},
	{"vllm", "openai/gpt-4o", unpriced},
	{"hosted_vllm", "hosted_vllm/claude-3-5-sonnet", unpriced},
	{"lm_studio", "lm_studio/gpt-4o-mini", unpriced},
	{"openai_like", "gpt-4o", unpriced},
	{"openai-compatible", "gpt-4o", unpriced},
	{"custom_openai", "custom_openai/gpt-4o", unpriced},
	{"ibm.watsonx.ai", "ibm/granite-3-8b-instruct", unpriced},
	{"databricks", "databricks/databricks-claude-3-7-sonnet", unpriced},
	{"github_copilot", "github_copilot/gpt-4o", unpriced},
	{"our-gateway", "gpt-4o", unpriced},

	// A model that runs here, and names that mean nothing.
	{"", "deepseek-r1:14b", unpriced},
	{"", "gpt-oss:20b", unpriced},
	{"", "mistral:latest", unpriced},
	{"", "meta-llama/llama-3.3-70b-instruct", unpriced},
	{"", "acme-finest", unpriced},
	{"openai", "", unpriced},
	{"", "", unpriced},
	{"", "/", unpriced},
	{"openai", "openai/", unpriced},
}

func TestEachSpellingMeansItsModel(t *testing.T) {
	t.Parallel()
	for _, s := range spellings {
		t.Run(s.provider+" "+s.model, func(t *testing.T) {
			t.Parallel()
			got := unpriced
			if entry, ok := shippedTable.Find(s.provider, s.model); ok {
				got = entry.Provider + " " + entry.Model
			}
			assert.Equal(t, s.want, got)
		})
	}
}

func TestTheNextDateOfAModelCostsWhatTheModelCosts(t *testing.T) {
	t.Parallel()
	dated, ok := shippedTable.Find("openai", "gpt-5-mini-2031-01-31")
	require.True(t, ok)
	known, _ := shippedTable.Find("openai", "gpt-5-mini")
	a, _ := dated.At(moment(t, ""))
	b, _ := known.At(moment(t, ""))
	assert.Same(t, b, a)
}

func TestAProvidersNamesHaveOneCanonicalID(t *testing.T) {
	t.Parallel()
	for id, names := range map[string][]string{
		"openai":     {"openai", "OpenAI", "open-ai", "text-completion-openai", "openai.responses"},
		"anthropic":  {"anthropic", "Anthropic", "anthropic_text", "anthropic.messages"},
		"google":     {"google", "gemini", "vertex_ai", "vertex_ai_beta", "vertex_ai-language-models", "gcp.gemini", "gcp.gen_ai", "google_genai", "google-vertex", "GoogleAI"},
		"azure":      {"azure", "azure_ai", "azure_text", "azure.ai.openai", "azure.ai.inference", "az.ai.openai", "Azure OpenAI Service"},
		"aws":        {"aws", "bedrock", "bedrock_converse", "aws.bedrock", "amazon-bedrock", "Amazon", "bedrock_anthropic"},
		"x-ai":       {"xai", "x_ai", "x-ai", "X AI"},
		"mistral":    {"mistral", "mistral_ai", "mistralai", "codestral", "text-completion-codestral"},
		"cohere":     {"cohere", "cohere_chat"},
		"together":   {"together", "together_ai", "togetherai", "together-ai"},
		"fireworks":  {"fireworks", "fireworks_ai", "fireworks-ai"},
		"voyageai":   {"voyage", "voyageai", "Voyage AI"},
		"moonshotai": {"moonshot", "moonshotai"},
		"zhipuai":    {"zhipu", "zhipuai"}, "zai": {"zai", "z.ai"}, "perplexity": {"perplexity"}, "deepseek": {"deepseek"},
		"groq": {"groq", "Groq", "groq.chat"}, "openrouter": {"openrouter", "OpenRouter"}, "cerebras": {"cerebras"},
		"huggingface_together": {"huggingface_together"},
		"":                     {"", " ", "ollama", "ollama_chat", "vllm", "hosted_vllm", "lm_studio", "openai_like", "openai-compatible", "custom", "ibm.watsonx.ai", "huggingface", "sagemaker", "amazon-sagemaker", "litellm_proxy", "triton"},
	} {
		for _, name := range names {
			assert.Equal(t, id, shippedTable.Canonical(name), name)
		}
	}
}

func TestAModelsNameTellsItsProvider(t *testing.T) {
	t.Parallel()
	for model, provider := range map[string]string{
		"gpt-4o": "openai", "o3": "openai", "openai/gpt-4o": "openai", "ft:gpt-4o-2024-08-06:a::b": "openai", "chatgpt-4o-latest": "openai",
		"claude-3-5-sonnet-latest": "anthropic", "us.anthropic.claude-opus-5": "aws", "bedrock/anything": "aws",
		"gemini-2.5-pro": "google", "models/gemini-2.5-pro": "google", "azure/our-deployment": "azure",
		"codestral-latest": "mistral", "grok-4": "x-ai", "kimi-k3": "moonshotai", "glm-5": "zhipuai", "command-r": "cohere", "voyage-3": "voyageai",
		"litellm_proxy/gpt-4o": "openai", "huggingface/groq/openai/gpt-oss-20b": "huggingface_groq",
		"ollama/gpt-4o": "", "llama3:8b": "", "acme": "", "": "", "our/claude-3": "",
	} {
		assert.Equal(t, provider, shippedTable.ProviderOf(model), model)
	}
}

func TestEveryShippedModelIsFoundByItsID(t *testing.T) {
	t.Parallel()
	found, others := 0, 0
	for _, p := range price.Shipped() {
		entry, ok := shippedTable.Find(p.Provider, p.Model)
		require.True(t, ok, "%s %s", p.Provider, p.Model)
		require.Equal(t, p.Provider, entry.Provider)
		if entry.Model == p.Model {
			found++
		} else {
			others++ // an id that is another model's name too
		}
	}
	assert.Greater(t, found, 1300)
	assert.Less(t, others, 10)
}
