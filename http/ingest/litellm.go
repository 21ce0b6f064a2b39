package ingest

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/rawjson"
	"github.com/llmtally/llmtally/store/usage"
)

// liteLLMColumns are the members of LiteLLM's StandardLoggingPayload that are a
// column as they are.
var liteLLMColumns = map[string]store.LogColumn{
	"id":                  store.ColCallID,
	"model":               store.ColModel,
	"custom_llm_provider": store.ColProvider,
	"status":              store.ColStatus,
	"prompt_tokens":       store.ColPromptTokens,
	"completion_tokens":   store.ColCompletionTokens,
	"total_tokens":        store.ColTokensUsed,
	"response_cost":       store.ColTotalCost,
	"startTime":           store.ColCreatedAt,
	"end_user":            store.ColEndUser,
	"messages":            store.ColMessages,
	"response":            store.ColResponse,
}

// liteLLMDetails are the members that go to additional_details.
var liteLLMDetails = map[string]bool{
	"call_id": true, "trace_id": true, "call_type": true, "model_id": true, "model_group": true, "api_base": true,
	"request_tags": true, "cache_hit": true, "saved_cache_cost": true, "cost_breakdown": true, "metadata": true,
	"requester_ip_address": true,
}

// A payload is the members of a StandardLoggingPayload that say more than one
// column does.
type payload struct {
	end, firstToken, cacheHit, metadata, hidden, errorInfo, errorText []byte
	details                                                           []byte
}

// decodeLiteLLM reads one StandardLoggingPayload, as LiteLLM's generic_api
// callback sends it (https://docs.litellm.ai/docs/proxy/logging_spec). Its
// results are store.DecodeLog's.
func decodeLiteLLM(b []byte) (log store.Log, length int, invalid error, err error) {
	var p payload
	length, err = rawjson.Object(b, 0, func(key, value []byte) {
		if invalid == nil {
			invalid = p.member(&log, string(key), value)
		}
	})
	if err != nil || invalid != nil {
		return log, length, invalid, err
	}
	return log, length, p.complete(&log), nil
}

func (p *payload) member(log *store.Log, name string, value []byte) error {
	if pythonText(name, value) {
		return &store.Error{
			Code:    store.CodeInvalidText,
			Message: fmt.Sprintf("%s is Python's text of a value, not JSON: this sender is too old", name),
			Hint:    "set litellm_settings: generic_api_use_v1: false, or update LiteLLM",
		}
	}
	if liteLLMDetails[name] {
		p.detail(name, value)
	}
	switch name {
	case "endTime":
		p.end = value
	case "completionStartTime":
		p.firstToken = value
	case "cache_hit":
		p.cacheHit = value
	case "metadata":
		p.metadata = value
	case "hidden_params":
		p.hidden = value
	case "error_information":
		p.errorInfo = value
	case "error_str":
		p.errorText = value
	}
	if c, ok := liteLLMColumns[name]; ok && !rawjson.IsNull(value) {
		return log.SetJSON(c, value)
	}
	return nil
}

// pythonText says whether a member that holds an object or array was sent as
// Python's str() of it, as the first version of the callback did.
func pythonText(name string, value []byte) bool {
	switch name {
	case "metadata", "hidden_params", "model_parameters", "error_information", "messages", "startTime":
	default:
		return false
	}
	return bytes.HasPrefix(value, []byte(`"{'`)) || bytes.HasPrefix(value, []byte(`"[{'`)) || string(value) == `"None"`
}

func (p *payload) detail(name string, value []byte) {
	if rawjson.IsNull(value) || len(value) == 0 {
		return
	}
	separator := byte(',')
	if p.details == nil {
		separator = '{'
	}
	p.details = append(p.details, separator)
	p.details = strconv.AppendQuote(p.details, name)
	p.details = append(append(p.details, ':'), value...)
}

// complete fills the log from the members that are no column.
func (p *payload) complete(log *store.Log) error {
	p.times(log)
	if string(p.cacheHit) == "true" {
		if err := log.SetText(store.ColTotalCost, "0"); err != nil { // a cache hit costs nothing
			return err
		}
	}
	if log.EndUser == "" {
		for _, name := range []string{"user_api_key_end_user_id", "user_api_key_user_id"} {
			if user, ok := rawjson.Text(rawjson.Get(p.metadata, name)); ok && user != "" {
				if err := log.SetText(store.ColEndUser, user); err != nil {
					return err
				}
				break
			}
		}
	}
	if err := p.tokens(log); err != nil {
		return err
	}
	if err := p.failure(log); err != nil {
		return err
	}
	if p.details != nil {
		return log.SetJSON(store.ColAdditionalDetails, append(p.details, '}'))
	}
	return nil
}

// times derives the duration and the time to the first token, in seconds.
func (p *payload) times(log *store.Log) {
	if !log.Has(store.ColCreatedAt) {
		return
	}
	start := float64(log.CreatedAt) / 1e6
	if end, ok := seconds(p.end); ok && end >= start {
		// Beyond what a response time may be, it stays unknown.
		_ = log.SetText(store.ColResponseTime, strconv.FormatFloat(end-start, 'f', 6, 64))
	}
	if first, ok := seconds(p.firstToken); ok && first >= start {
		p.detail("time_to_first_token", []byte(strconv.FormatFloat(math.Round((first-start)*1e6)/1e6, 'f', -1, 64)))
	}
}

// seconds reads a time in epoch seconds, or as text.
func seconds(value []byte) (float64, bool) {
	var probe store.Log
	if len(value) == 0 || probe.SetJSON(store.ColCreatedAt, value) != nil || !probe.Has(store.ColCreatedAt) {
		return 0, false
	}
	return float64(probe.CreatedAt) / 1e6, true
}

// tokens reads cached and reasoning tokens from the usage object that LiteLLM
// keeps beside the response; those in the response itself are found later.
func (p *payload) tokens(log *store.Log) error {
	object := rawjson.Get(p.metadata, "usage_object")
	if len(object) == 0 || rawjson.IsNull(object) {
		object = rawjson.Get(p.hidden, "usage_object")
	}
	t := usage.FromObject(object)
	for c, n := range map[store.LogColumn]*int64{
		store.ColPromptTokens: t.Prompt, store.ColCompletionTokens: t.Completion,
		store.ColCacheReadTokens: t.CacheRead, store.ColCacheWriteTokens: t.CacheWrite, store.ColReasoningTokens: t.Reasoning,
	} {
		if n == nil || log.Has(c) {
			continue
		}
		if err := log.SetText(c, strconv.FormatInt(*n, 10)); err != nil {
			return err
		}
	}
	return nil
}

// failure keeps what is said about an error.
func (p *payload) failure(log *store.Log) error {
	switch {
	case len(p.errorInfo) > 0 && !rawjson.IsNull(p.errorInfo):
		return log.SetJSON(store.ColError, p.errorInfo)
	case len(p.errorText) > 0 && !rawjson.IsNull(p.errorText) && string(p.errorText) != `""`:
		return log.SetJSON(store.ColError, p.errorText)
	}
	return nil
}
