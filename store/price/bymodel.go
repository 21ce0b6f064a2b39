package price

import (
	"regexp"
	"strings"
)

// byModel finds the provider from the model's name alone. sent is the provider
// that the name begins with, known or not; rest is what follows it.
func (t *Table) byModel(model string) (id, sent, rest string) {
	if isBedrockARN(model) || isBedrockName(model) {
		return "aws", "", model
	}
	for _, s := range shapes {
		if strings.HasPrefix(model, s.prefix) {
			return s.id, "", model
		}
	}
	if head, rest, cut := strings.Cut(model, "/"); cut {
		return t.canonical(head), plainName(head), rest
	}
	if isLocalTag(model) {
		return "", "", model
	}
	if head, rest, cut := strings.Cut(model, ":"); cut { // pydantic-ai, LangChain: openai:gpt-4o
		if id, known := t.named(plainName(head)); known {
			return id, plainName(head), rest
		}
	}
	for i := range t.providers {
		if t.providers[i].Models.matches(model) {
			return t.providers[i].ID, "", model
		}
	}
	for _, o := range ownNames {
		if strings.HasPrefix(model, o.prefix) {
			return o.id, "", model
		}
	}
	return "", "", model
}

// shapes are the beginnings of resource names.
var shapes = []struct{ prefix, id string }{
	{"accounts/fireworks/", "fireworks"},
	{"models/", "google"}, {"publishers/", "google"}, {"projects/", "google"}, {"tunedmodels/", "google"},
}

// ownNames begin the names of models that one provider alone has and that
// genai-prices does not tell it by.
var ownNames = []struct{ prefix, id string }{
	{"text-embedding-3-", "openai"}, {"text-embedding-ada-002", "openai"}, {"chatgpt-", "openai"}, {"ft:gpt-", "openai"},
	{"codex-mini", "openai"}, {"computer-use-preview", "openai"}, {"text-davinci-", "openai"},
	{"sonar", "perplexity"},
}

// localTag is how Ollama writes which size of a model runs here.
var localTag = regexp.MustCompile(`:(latest|[0-9.x]+b(-[a-z0-9_.-]+)?)$`)

func isLocalTag(model string) bool { return localTag.MatchString(model) }
