package otlp

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/usage"
)

// log makes a log of a span. Its error is a *store.Error.
func (r *Reader) log(s *span) (*store.Log, error) {
	log := &store.Log{}
	for _, fill := range []func(*store.Log, *span) error{identify, r.name, timed, counted, priced, failed, filled} {
		if err := fill(log, s); err != nil {
			return nil, err
		}
	}
	return log, nil
}

// identify gives the log its call id: the response's, so that spans that repeat
// a request count once, else the span's own.
func identify(log *store.Log, s *span) error {
	if id := s.attributes.text(callID); id != "" {
		return log.SetText(store.ColCallID, id)
	}
	if s.traceID == "" || s.spanID == "" {
		err := invalid("the span has no valid trace id and span id")
		err.Hint = "in JSON they are 32 and 16 hexadecimal digits"
		return err
	}
	return log.SetText(store.ColCallID, s.traceID+"-"+s.spanID)
}

// name sets who asked what.
func (r *Reader) name(log *store.Log, s *span) error {
	user := cmp.Or(s.attributes.text(r.users...), s.resource.text(r.users...))
	for c, text := range map[store.LogColumn]string{
		store.ColProvider: s.provider(), store.ColModel: s.attributes.text(modelNames...), store.ColEndUser: user,
	} {
		if text == "" {
			continue
		}
		if err := log.SetText(c, text); err != nil {
			return err
		}
	}
	return nil
}

// timed sets when the request began and how long it took. A span that ends
// before it starts took an unknown time.
func timed(log *store.Log, s *span) error {
	begin := cmp.Or(s.start, s.end)
	if begin == 0 {
		return nil
	}
	if begin > math.MaxInt64 {
		return &store.Error{Code: store.CodeTimeRange, Message: "the span's time is out of range"}
	}
	if err := log.Set(store.ColCreatedAt, store.At(time.Unix(0, int64(begin)))); err != nil {
		return err
	}
	if s.start > 0 && s.end > s.start {
		// Beyond what a response time may be, it stays unknown.
		_ = log.SetText(store.ColResponseTime, strconv.FormatFloat(float64(s.end-s.start)/1e9, 'f', 9, 64))
	}
	return nil
}

// counted sets the tokens. The conventions count cached input as input and
// reasoning as output, but not every instrumentation does: parts that exceed
// their whole stand beside it.
func counted(log *store.Log, s *span) error {
	a := s.attributes
	read, hasRead := a.count(cacheReadNames...)
	write, hasWrite := a.count(cacheWriteNames...)
	reasoning, hasReasoning := a.count(reasoningNames...)
	prompt, hasPrompt := a.count(inputNames...)
	completion, hasCompletion := a.count(outputNames...)
	if read+write > prompt {
		prompt = min(prompt+read+write, usage.Max)
	}
	if reasoning > completion {
		completion = min(completion+reasoning, usage.Max)
	}
	for _, count := range []struct {
		column store.LogColumn
		n      int64
		known  bool
	}{
		{store.ColPromptTokens, prompt, hasPrompt}, {store.ColCompletionTokens, completion, hasCompletion},
		{store.ColCacheReadTokens, read, hasRead}, {store.ColCacheWriteTokens, write, hasWrite},
		{store.ColReasoningTokens, reasoning, hasReasoning},
	} {
		if !count.known {
			continue
		}
		if err := log.Set(count.column, count.n); err != nil {
			return err
		}
	}
	return nil
}

// priced sets the cost that the sender computed, if it did.
func priced(log *store.Log, s *span) error {
	cost := s.attributes.text(costNames...)
	if cost == "" {
		return nil
	}
	return log.SetText(store.ColTotalCost, cost)
}

// failed sets the status, and what is said about an error.
func failed(log *store.Log, s *span) error {
	kind := s.attributes.text(errorType)
	if !s.failed && kind == "" {
		return log.SetText(store.ColStatus, store.StatusSuccess)
	}
	message, trace := s.statusMessage, ""
	for _, e := range s.events {
		if e.name == eventException {
			kind = cmp.Or(kind, e.attributes.text("exception.type"))
			message = cmp.Or(message, e.attributes.text("exception.message"))
			trace = cmp.Or(trace, e.attributes.text("exception.stacktrace"))
		}
	}
	var what object
	what.addText("type", kind)
	what.addText("message", message)
	what.addText("stacktrace", trace)
	if what != nil {
		if err := log.SetJSON(store.ColError, what.json()); err != nil {
			return err
		}
	}
	return log.SetText(store.ColStatus, store.StatusFailure)
}

// filled sets the content, and where the span stood.
func filled(log *store.Log, s *span) error {
	var details object
	details.addText("trace_id", s.traceID)
	details.addText("span_id", s.spanID)
	details.addText("parent_span_id", s.parentID)
	details.addText("span_name", s.name)
	for _, name := range detailNames {
		value, ok := s.attributes[name]
		if !ok {
			value = s.resource[name]
		}
		details.add(name, value)
	}
	for c, value := range map[store.LogColumn][]byte{
		store.ColMessages: s.input(), store.ColResponse: s.output(), store.ColAdditionalDetails: details.json(),
	} {
		if value == nil {
			continue
		}
		if err := log.SetJSON(c, value); err != nil {
			return err
		}
	}
	return nil
}

func tooLarge(maxSpan int) *store.Error {
	return &store.Error{Code: problem.CodeTooLarge, Message: fmt.Sprintf("the span is larger than the %d bytes that one may have", maxSpan)}
}
