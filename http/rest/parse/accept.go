package parse

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// A MediaType is a form in which a client takes or sends rows.
type MediaType struct {
	Kind       MediaKind
	StripNulls bool   // leave out keys whose value is null; of JSONArray and JSONObject
	Text       string // as written, without a weight
}

// A MediaKind is the form itself.
type MediaKind uint8

// The kinds. AnyMedia is */*, which stands for JSONArray.
const (
	UnknownMedia MediaKind = iota
	JSONArray              // application/json, application/vnd.pgrst.array+json
	JSONObject             // application/vnd.pgrst.object+json: exactly one row
	CSV
	AnyMedia
)

var mediaKinds = map[string]MediaKind{
	"application/json":                  JSONArray,
	"application/vnd.pgrst.array":       JSONArray,
	"application/vnd.pgrst.array+json":  JSONArray,
	"application/vnd.pgrst.object":      JSONObject,
	"application/vnd.pgrst.object+json": JSONObject,
	"text/csv":                          CSV,
	"*/*":                               AnyMedia,
}

// ParseAccept reads the values of all Accept headers, the most wanted first: by
// weight, then the more specific, then in the order of the request. A type of
// weight 0 is not in the list. No header at all accepts anything.
func ParseAccept(headers []string) []MediaType {
	type weighted struct {
		MediaType
		weight      float64
		specificity int
	}
	var list []weighted
	given := false
	for text := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		text, weight := splitWeight(strings.TrimSpace(text))
		if text == "" {
			continue
		}
		given = true
		if weight > 0 {
			specificity := strings.Count(text, ";") - strings.Count(text, "*")
			list = append(list, weighted{ParseMediaType(text), weight, specificity})
		}
	}
	if !given {
		return []MediaType{{Kind: AnyMedia, Text: "*/*"}}
	}
	slices.SortStableFunc(list, func(a, b weighted) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(b.specificity, a.specificity))
	})
	types := make([]MediaType, len(list))
	for i, w := range list {
		types[i] = w.MediaType
	}
	return types
}

// ParseMediaType reads one media type; letter case does not matter.
func ParseMediaType(text string) MediaType {
	text = strings.TrimSpace(text)
	name, parameters, _ := strings.Cut(text, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	media := MediaType{Kind: mediaKinds[name], Text: text}
	if !strings.HasPrefix(name, "application/vnd.pgrst.") {
		return media
	}
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(parameter, "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		if strings.EqualFold(strings.TrimSpace(key), "nulls") {
			media.StripNulls = value == "stripped"
		}
	}
	return media
}

// splitWeight takes the parameter q from a media type. One that is no number
// between 0 and 1 counts as 1.
func splitWeight(text string) (media string, weight float64) {
	weight = 1
	var kept []string
	for part := range strings.SplitSeq(text, ";") {
		key, value, _ := strings.Cut(part, "=")
		if !strings.EqualFold(strings.TrimSpace(key), "q") {
			kept = append(kept, part)
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
			weight = q
		}
	}
	return strings.TrimSpace(strings.Join(kept, ";")), weight
}
