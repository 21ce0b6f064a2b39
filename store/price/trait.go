package price

import (
	"regexp"
	"strconv"
	"strings"
)

// A trait is what a model's name tells about it, for advice; a cost never
// depends on it.
type trait struct {
	family  string  // whose models could stand in for each other: gpt, claude, gemini …
	kind    string  // what it is for: "" is conversation
	version float64 // 0 is unknown
	base    string  // the name without a date: states of one model have the same
	group   string  // of regions on Bedrock that requests go to
	reasons bool    // it writes out its reasoning, and so more tokens for the same question
}

// traitOf reads a model's id: `regional.anthropic.claude-haiku-4-5-20251001-v1:0`
// is Claude 4.5, for conversation.
func traitOf(id string) trait {
	name := lastPart(fold(id))
	group := ""
	if m := vendorPrefix.FindStringSubmatch(name); m != nil {
		name, group = name[len(m[0])-1:], m[1]
	}
	for _, v := range variants {
		name = strings.TrimSuffix(name, v)
	}
	name = bedrockVersion.ReplaceAllString(name, "")
	base := name
	for bare := cutDate(base); bare != base; bare = cutDate(base) {
		base = bare
	}
	t := trait{base: base, kind: kindOf(base), group: group}
	t.family, t.version = familyOf(base)
	t.reasons = reasoning.MatchString(base)
	if t.family == "gpt" && (t.kind == "speech" || t.kind == "audio" || t.kind == "image") {
		t.version = 0 // they were numbered anew: gpt-realtime came after gpt-4o-realtime
	}
	return t
}

var (
	vendorPrefix   = regexp.MustCompile(`^(?:([a-z-]+)\.)?[a-z0-9]+\.[a-z]`)
	bedrockVersion = regexp.MustCompile(`-v\d+(?::\d+)?$`)
	stateSuffix    = regexp.MustCompile(`-(?:preview|exp|beta|(?:0[1-9]|1[0-2])[0-3]\d|(?:0[1-9]|1[0-2])-20\d\d|00\d)$`)
)

// reasoning matches models that always reason, beside others of their family
// that do not: OpenAI's o-series and GPT-5, DeepSeek's R, Mistral's and Qwen's.
var reasoning = regexp.MustCompile(`^o[1-9]|^gpt-(?:[5-9]|[1-9]\d)|deepseek-r|magistral|qwq`)

// cutDate cuts what tells one state of a model from another.
func cutDate(name string) string { return stateSuffix.ReplaceAllString(undated(name), "") }

// kinds are words in a model's name that tell what it is for. The first that
// is there decides.
var kinds = []struct{ word, kind string }{
	{"ft:", "tuned"}, {".ft-", "tuned"}, {"ft-", "tuned"},
	{"embed", "embedding"}, {"moderation", "moderation"}, {"guard", "moderation"}, {"rerank", "rerank"},
	{"realtime", "speech"}, {"-live", "speech"}, {"native-audio", "speech"}, {"sonic", "speech"},
	{"transcribe", "transcription"}, {"whisper", "transcription"}, {"tts", "reading"},
	{"audio", "audio"}, {"voxtral", "audio"},
	{"image", "image"}, {"video", "video"}, {"omni", "video"}, {"vision", "vision"}, {"-vl", "vision"}, {"pixtral", "vision"},
	{"deep-research", "research"}, {"search", "search"}, {"online", "search"},
	{"computer-use", "computer"}, {"multi-agent", "agents"},
	{"codex", "code"}, {"code", "code"}, {"-build", "code"}, {"math", "mathematics"}, {"turbo-instruct", "completion"},
	{"chatgpt", "chat page"}, {":extended", "long output"},
	{"oss", "open"}, {"-nemo", "open"}, {"-saba", "Arabic"},
}

// size is how the names of open models end that come in several sizes, which
// anyone may run.
var size = regexp.MustCompile(`(?:^|[-_x])[0-9.]+b(?:$|[-_])`)

func kindOf(name string) string {
	for _, k := range kinds {
		if strings.Contains(name, k.word) {
			return k.kind
		}
	}
	if size.MatchString(name) {
		return "open"
	}
	return ""
}

// families are the words that tell a family, which not every name begins with
// (Meta-Llama, open-mistral). GPT's and the o-series' models are one family.
var families = regexp.MustCompile(`(?:^|[^a-z])((?:chat)?gpt|claude|gemini|gemma|command|grok|deepseek|` +
	`(?:mi|code|dev|magi|mini)stral|mixtral|llama|qwen|qwq|kimi|glm|minimax|nova|titan|sonar|phi|voyage|text-embedding)`)

var leadingLetters = regexp.MustCompile(`^[a-z]+`)

// number is a version after the family's word. Not one are sizes (70b),
// lengths (32k) and dates.
var number = regexp.MustCompile(`^[^0-9]*([1-9]\d?)(?:[.p_-](\d{1,2})(?:[^0-9a-z]|$))?([a-z]?)`)

func familyOf(name string) (string, float64) {
	if len(name) > 1 && name[0] == 'o' && name[1] >= '1' && name[1] <= '9' {
		version, _ := strconv.ParseFloat("4."+name[1:2], 64) // they came between GPT-4 and GPT-5, in this order
		return "gpt", version
	}
	at := families.FindStringSubmatchIndex(name)
	if at == nil {
		letters := leadingLetters.FindString(name)
		return letters, versionOf(name[len(letters):])
	}
	return strings.TrimPrefix(name[at[2]:at[3]], "chat"), versionOf(name[at[3]:])
}

func versionOf(rest string) float64 {
	m := number.FindStringSubmatch(rest)
	if m == nil || m[2] == "" && (m[3] == "b" || m[3] == "k" || m[3] == "x") {
		return 0
	}
	end := len(m[0])
	if m[2] == "" && m[3] == "" && end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		return 0 // a longer number
	}
	text := m[1]
	if m[2] != "" {
		text += "." + m[2]
	}
	version, _ := strconv.ParseFloat(text, 64)
	return version
}
