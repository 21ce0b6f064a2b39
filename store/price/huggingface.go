package price

import "strings"

func isHuggingFace(name string) bool {
	plain := plainName(name)
	return plain == "huggingface" || plain == "hugging_face" || plain == "huggingface_hub"
}

// behindHuggingFace finds whom Hugging Face routes to: LiteLLM names it before
// the model (`huggingface/together/deepseek-ai/DeepSeek-R1`), Hugging Face
// after it (`deepseek-ai/DeepSeek-R1:together`).
func (t *Table) behindHuggingFace(model string) (id, rest string) {
	if isHuggingFace(firstPart(model)) {
		_, model, _ = strings.Cut(model, "/")
	}
	head, rest, _ := strings.Cut(model, "/")
	if id, known := t.ids[plainName("huggingface_"+head)]; known {
		return id, rest
	}
	if i := strings.LastIndexByte(model, ':'); i > 0 {
		if id, known := t.ids[plainName("huggingface_"+model[i+1:])]; known {
			return id, model[:i]
		}
	}
	return "", model
}
