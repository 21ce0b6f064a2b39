package price

import "strings"

// unwrap adds the model's names with less around them, as each provider's
// clients write them.
func (t *Table) unwrap(r *request) {
	for { // the provider's own name, maybe twice: azure/azure_ai/…
		head, rest, cut := strings.Cut(r.plain(), "/")
		if !cut || rest == "" || !t.isOwnName(r, head) {
			break
		}
		r.add(rest)
	}
	name := r.plain()
	switch r.provider {
	case "openai":
		r.add(strings.TrimPrefix(name, "responses/"))
	case "azure", "google":
		// azure/eu/gpt-4o; projects/…/locations/…/publishers/google/models/…
		r.add(lastPart(name))
	case "aws":
		unwrapBedrock(r, name)
	case "fireworks":
		if !strings.Contains(name, "/") { // LiteLLM puts the account before it
			r.add("accounts/fireworks/models/" + name)
		}
	case "openrouter":
		unwrapVariant(r, name)
	}
}

// isOwnName says whether a word means the request's provider.
func (t *Table) isOwnName(r *request, word string) bool {
	if r.sent != "" && plainName(word) == r.sent {
		return true
	}
	return r.provider != "" && t.canonical(word) == r.provider
}

// variants of a model on OpenRouter cost what the model costs
// (openrouter.ai/docs, "Model variants"); `:free` costs nothing.
var variants = []string{":beta", ":thinking", ":nitro", ":floor", ":exacto"}

func unwrapVariant(r *request, name string) {
	if strings.HasSuffix(name, ":free") {
		r.free = true
		return
	}
	for _, v := range variants {
		if base, cut := strings.CutSuffix(name, v); cut {
			r.add(base)
			return
		}
	}
}
