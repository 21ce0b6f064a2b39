package usage

import (
	"bytes"

	"github.com/llmtally/llmtally/store/rawjson"
)

// modalities reads one of Gemini's lists of counts by modality:
// [{"modality":"AUDIO","tokenCount":12}]. What tools read is input too.
func (c *counts) modalities(key, list []byte) {
	var audio, image, video slot
	switch string(key) {
	case "promptTokensDetails", "prompt_tokens_details", "toolUsePromptTokensDetails", "tool_use_prompt_tokens_details":
		audio, image, video = inputAudio, inputImage, inputVideo
	case "candidatesTokensDetails", "candidates_tokens_details", "responseTokensDetails", "response_tokens_details":
		audio, image, video = outputAudio, outputImage, outputVideo
	case "cacheTokensDetails", "cache_tokens_details":
		audio, image, video = cachedAudio, cachedImage, slots
	default:
		return
	}
	elements(list, func(element []byte) {
		var modality, n []byte
		each(element, func(key, value []byte) {
			switch string(key) {
			case "modality":
				modality = bytes.Trim(value, `"`)
			case "tokenCount", "token_count":
				n = value
			}
		})
		switch {
		case is(modality, "AUDIO"):
			c.add(audio, n)
		case is(modality, "IMAGE"), is(modality, "DOCUMENT"):
			c.add(image, n)
		case is(modality, "VIDEO") && video != slots:
			c.add(video, n)
		}
	})
}

func is(modality []byte, name string) bool { return bytes.EqualFold(modality, []byte(name)) }

// elements calls each for the elements of an array that was checked already.
func elements(array []byte, each func(element []byte)) {
	for i := 1; i < len(array) && array[rawjson.Space(array, i)] != ']'; {
		start, end, err := rawjson.Value(array, i)
		if err != nil {
			return
		}
		each(array[start:end])
		i = rawjson.Space(array, end) + 1 // the comma, or the end
	}
}
