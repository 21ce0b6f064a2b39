package store

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/advice"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/rawjson"
)

const (
	// repeatSample is how many of the newest requests are looked at.
	repeatSample = 500
	// repeatBytes is how much of their messages is read, at most: a few of
	// them may be as large as many others.
	repeatBytes = 8 << 20
	// cacheLife is for how long a provider keeps a prompt in its cache since
	// it was last used, at least: Anthropic's and OpenAI's five minutes.
	cacheLife = 5 * time.Minute
	// leastCached is the shortest prompt, in tokens, that providers cache.
	leastCached = 1024
)

// repeats looks for input that was sent again within minutes and not read from
// a cache, among the newest requests that a condition selects. It needs the
// messages: without them there is nothing to find.
func (db *DB) repeats(ctx context.Context, caller policy.Caller, where query.Expr) ([]advice.Repeat, error) {
	sample := int64(repeatSample)
	seed := maphash.MakeSeed()
	size := 0
	var prompts []prompt
	_, err := db.Run(ctx, caller, query.Select{
		From: "request_logs",
		Columns: []query.Output{
			{Name: "provider"}, {Name: "model"}, {Name: "created_at"}, {Name: "prompt_tokens"},
			{Name: "cache_read_tokens"}, {Name: "total_cost"}, {Name: "messages"},
		},
		Where: where, Order: newestFirst("created_at", "id"), Limit: &sample,
	}, func(r query.Row) error {
		p := prompt{
			name: advice.Name{Provider: text(r[0]), Model: text(r[1])}, at: moment(r[2]), tokens: integer(r[3]),
			unpaid: integer(r[4]) > 0 || r[5] != nil && float(r[5]) == 0,
		}
		messages := text(r[6])
		if size += len(messages); size > repeatBytes {
			return errEnough
		}
		if p.tokens >= leastCached {
			p.begin(seed, []byte(messages))
		}
		prompts = append(prompts, p)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	slices.Reverse(prompts) // oldest first
	return findRepeats(prompts), nil
}

// errEnough ends a reading of rows early.
var errEnough = errors.New("enough was read")

// A prompt is one request's input.
type prompt struct {
	name   advice.Name
	at     Timestamp
	tokens int64
	unpaid bool // it was read from a cache, the provider's or a proxy's
	begins []beginning
}

// A beginning is a run of messages from the first on.
type beginning struct {
	hash   uint64
	tokens int64 // about how many they are
}

// begin takes down the prompt's beginnings. Tokens are spread over the messages
// by their length.
func (p *prompt) begin(seed maphash.Seed, messages []byte) {
	if len(messages) == 0 || messages[0] != '[' {
		return // a text, or nothing
	}
	var h maphash.Hash
	h.SetSeed(seed)
	length := 0
	for _, message := range rawjson.Elements(messages) {
		length += len(message)
		_, _ = h.Write(message) // a hash takes everything
		_ = h.WriteByte(0)      // so that no two messages read as one
		p.begins = append(p.begins, beginning{hash: h.Sum64(), tokens: int64(length)})
	}
	for i := range p.begins {
		p.begins[i].tokens = int64(float64(p.tokens) * float64(p.begins[i].tokens) / float64(length))
	}
}

// A sentBeginning is a beginning that a model was sent.
type sentBeginning struct {
	name advice.Name
	hash uint64
}

// A sighting is when a beginning was sent last, and whether a cache would have
// had to take it in for what came after.
type sighting struct {
	at      Timestamp
	written bool
}

func (s *sighting) fresh(at Timestamp) bool {
	return s != nil && time.Duration(at-s.at)*time.Microsecond <= cacheLife
}

// findRepeats compares the prompts, oldest first, message by message.
func findRepeats(prompts []prompt) []advice.Repeat {
	seen := map[sentBeginning]*sighting{}
	found := map[advice.Name]*advice.Repeat{}
	first := map[advice.Name]Timestamp{}
	var order []advice.Name
	for _, p := range prompts {
		r := found[p.name]
		if r == nil {
			r = &advice.Repeat{Name: p.name}
			found[p.name], first[p.name] = r, p.at
			order = append(order, p.name)
		}
		r.Sampled++
		r.Span = time.Duration(p.at-first[p.name]) * time.Microsecond
		p.compare(seen, r)
	}
	repeats := []advice.Repeat{}
	for _, name := range order {
		if found[name].Requests > 0 {
			repeats = append(repeats, *found[name])
		}
	}
	return repeats
}

// compare finds the longest beginning that the prompt shares with an earlier
// one, and remembers its own beginnings. Of what is shared, a cache need take
// in only what is beyond the part that it took in before.
func (p *prompt) compare(seen map[sentBeginning]*sighting, r *advice.Repeat) {
	var shared, written int64
	last := -1
	for i, b := range p.begins {
		s := seen[sentBeginning{p.name, b.hash}]
		if !s.fresh(p.at) {
			break // what is longer was not sent since, either
		}
		last, shared = i, b.tokens
		if s.written {
			written = b.tokens
		}
	}
	repeats := shared >= leastCached && !p.unpaid
	if repeats {
		r.Requests++
		r.Input += p.tokens
		r.Tokens += shared
		r.Written += shared - written
	}
	for i, b := range p.begins {
		key := sentBeginning{p.name, b.hash}
		s := seen[key]
		if !s.fresh(p.at) {
			s = &sighting{}
			seen[key] = s
		}
		s.at = p.at
		s.written = s.written || repeats && i <= last
	}
}
