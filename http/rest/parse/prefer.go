package parse

import (
	"slices"
	"strconv"
	"strings"
)

// A Prefer holds the preferences of a request (RFC 7240). Each text is what
// stands behind the equals sign, of the first preference of its kind that
// PostgREST knows; empty if there is none.
type Prefer struct {
	Resolution string // merge-duplicates, ignore-duplicates
	Missing    string // default, null
	Return     string // representation, minimal, headers-only
	Count      string // exact, planned, estimated
	Tx         string // commit, rollback
	Handling   string // strict, lenient
	Timezone   string

	// MaxAffected is how many rows a request may change; it counts only under
	// strict handling.
	MaxAffected *int64

	// Unknown are the others, as written: strict handling refuses them.
	Unknown []string
}

// ParsePrefer reads the values of all Prefer headers of a request.
func ParsePrefer(headers []string) Prefer {
	var p Prefer
	limited := false
	for preference := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		preference = strings.TrimSpace(preference)
		kind, value, _ := strings.Cut(preference, "=")
		switch {
		case preference == "":
		case strings.HasPrefix(preference, "timezone="):
			first(&p.Timezone, value)
		case strings.HasPrefix(preference, "max-affected="):
			if n, ok := integer(value); ok && !limited {
				p.MaxAffected = &n
			}
			limited = true
		case !p.known(kind, value):
			p.Unknown = append(p.Unknown, preference)
		}
	}
	return p
}

// known keeps a preference, and says whether there is one of that value.
func (p *Prefer) known(kind, value string) bool {
	for _, k := range p.kinds() {
		if k.name == kind && slices.Contains(k.values, value) {
			first(k.kept, value)
			return true
		}
	}
	return false
}

func first(kept *string, value string) {
	if *kept == "" {
		*kept = value
	}
}

type preferenceKind struct {
	name   string
	kept   *string
	values []string
}

// kinds lists the preferences in the order of Preference-Applied.
func (p *Prefer) kinds() []preferenceKind {
	return []preferenceKind{
		{"resolution", &p.Resolution, resolutions},
		{"missing", &p.Missing, missings},
		{"return", &p.Return, returns},
		{"count", &p.Count, counts},
		{"tx", &p.Tx, transactions},
		{"handling", &p.Handling, handlings},
	}
}

var (
	resolutions  = []string{"merge-duplicates", "ignore-duplicates"}
	missings     = []string{"default", "null"}
	returns      = []string{"representation", "minimal", "headers-only"}
	counts       = []string{"exact", "planned", "estimated"}
	transactions = []string{"commit", "rollback"}
	handlings    = []string{"strict", "lenient"}
)

// Strict says whether unknown preferences are refused and MaxAffected counts.
func (p Prefer) Strict() bool { return p.Handling == "strict" }

// An Action is what a request does, as far as preferences apply to it.
type Action uint8

// The actions.
const (
	Read Action = iota
	Insert
	Update
	Put // the insert or update of one row by its key
	Delete
	Call
)

// Applied returns the value of the Preference-Applied header, empty if there is
// to be none. A resolution applies if the insert has a conflict target, which is
// a primary key or on_conflict.
func (p Prefer) Applied(action Action, conflictTarget bool) string {
	if action != Insert || !conflictTarget {
		p.Resolution = ""
	}
	if action != Insert && action != Update {
		p.Missing = ""
	}
	if action == Read || action == Call {
		p.Return = ""
	}
	var list []string
	for _, k := range p.kinds() {
		if *k.kept != "" {
			list = append(list, k.name+"="+*k.kept)
		}
	}
	if p.Timezone != "" {
		list = append(list, "timezone="+p.Timezone)
	}
	if p.MaxAffected != nil && p.Strict() && (action == Update || action == Delete || action == Call) {
		list = append(list, "max-affected="+strconv.FormatInt(*p.MaxAffected, 10))
	}
	return strings.Join(list, ", ")
}
