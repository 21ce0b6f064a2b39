package price

import "fmt"

// A Class is a part of a request that has a price of its own. Token classes
// are priced in USD per million tokens, WebSearches and Requests in USD per
// thousand.
type Class uint8

// The classes, in the order in which a price's JSON names them.
const (
	Input           Class = iota // all input tokens
	Output                       // all output tokens
	CacheRead                    // input read from a cache
	CacheWrite                   // input written to a cache, for however long
	CacheWrite1h                 // of which for an hour (Anthropic)
	InputAudio                   // input that was sound
	OutputAudio                  // output that is sound
	CacheAudioRead               // sound read from a cache
	InputImage                   // input that was an image or a document's pages
	OutputImage                  // output that is an image
	CacheImageRead               // images read from a cache
	InputVideo                   // input that was a film
	OutputVideo                  // output that is a film
	OutputReasoning              // output that was thought, not said
	OutputCitation               // output that cites sources (Perplexity)
	WebSearches                  // searches that the provider made
	Requests                     // the requests themselves

	classes = int(Requests) + 1
)

var classNames = [classes]string{
	"input", "output", "cache_read", "cache_write", "cache_write_1h",
	"input_audio", "output_audio", "cache_audio_read",
	"input_image", "output_image", "cache_image_read",
	"input_video", "output_video", "output_reasoning", "output_citation",
	"web_searches", "requests",
}

// String returns the class's name in JSON.
func (c Class) String() string {
	if int(c) < classes {
		return classNames[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// PerThousand says whether the class is priced per thousand, not per million.
func (c Class) PerThousand() bool { return c == WebSearches || c == Requests }

func classOf(name string) (Class, bool) {
	for i, n := range classNames {
		if n == name {
			return Class(i), true
		}
	}
	return 0, false
}
