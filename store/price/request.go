package price

import (
	"regexp"
	"slices"
	"strings"
)

// A request is what a client's two names, the provider's and the model's, are
// understood as.
type request struct {
	provider string   // the canonical id, "" when there is none
	sent     string   // the provider as it was named, in plain letters
	names    []string // the model's name, as sent first, then with less and less around it
	undated  []string // the names without their date, a last resort
	free     bool     // a variant that costs nothing
}

// key is what overrides compare their provider with.
func (r *request) key() string {
	if r.provider != "" {
		return r.provider
	}
	return r.sent
}

// plain is the model's name without what is around it.
func (r *request) plain() string { return r.names[len(r.names)-1] }

// understand takes a client's names apart.
func (t *Table) understand(provider, model string) request {
	provider, model = fold(provider), fold(model)
	if isNobody(provider) {
		provider = ""
	}
	provider, model = passGateways(provider, model)
	r := request{names: []string{model}}
	rest := model
	if isHuggingFace(provider) || provider == "" && isHuggingFace(firstPart(model)) {
		r.sent = "huggingface"
		r.provider, rest = t.behindHuggingFace(model)
	} else if provider == "" {
		r.provider, r.sent, rest = t.byModel(model)
	} else {
		r.provider, r.sent = t.canonical(provider), plainName(provider)
	}
	if isBedrockARN(model) || isBedrockName(model) && t.sells(r.provider, model) {
		r.provider = "aws" // the vendor's client library, with Bedrock behind it
	}
	r.add(rest)
	t.unwrap(&r)
	for _, name := range r.names {
		if bare := undated(name); bare != name {
			r.undated = append(r.undated, bare)
		}
	}
	return r
}

// add adds a name that is not there yet.
func (r *request) add(name string) {
	if name != "" && !slices.Contains(r.names, name) {
		r.names = append(r.names, name)
	}
}

func firstPart(name string) string {
	head, _, _ := strings.Cut(name, "/")
	return head
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// passGateways looks through gateways: `litellm_proxy/openai/gpt-4o`.
func passGateways(provider, model string) (string, string) {
	for {
		head, rest, cut := strings.Cut(model, "/")
		switch {
		case cut && rest != "" && isGateway(head):
			model = rest
		case provider != "" && isGateway(provider):
			provider = ""
		default:
			return provider, model
		}
	}
}

// overrideNames returns the names that overrides are compared with, in the
// order in which they are preferred: what was sent, the id in the price list,
// the name without its date, and all these with the provider before them.
func (r *request) overrideNames(e *Entry) []string {
	names := slices.Clone(r.names)
	for _, m := range []*model{e.shipped, e.imported} {
		if m != nil {
			names = append(names, fold(m.id))
		}
	}
	names = append(names, r.undated...)
	for _, name := range slices.Clone(names) {
		names = append(names, r.key()+"/"+name, r.sent+"/"+name)
	}
	return names
}

// date is how names end that mean a state of a model.
var date = regexp.MustCompile(`(?:-20\d\d-[01]\d-[0-3]\d|[-@]20\d\d[01]\d[0-3]\d|[-@]latest|@default)$`)

// undated cuts the date or `latest` from a name.
func undated(name string) string {
	if i := date.FindStringIndex(name); i != nil {
		return name[:i[0]]
	}
	return name
}
