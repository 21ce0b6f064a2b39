package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
)

// ruleBody is the form of a rule.
type ruleBody struct {
	Rule      ruleForm
	New       bool
	ID        int64
	Enabled   bool
	Complaint string
	Metrics   []option
	Scopes    []option
	Windows   []option
	Zones     []string
}

// ruleForm is what is typed, as it was typed.
type ruleForm struct {
	Name, Metric, Scope, ScopeValue, Window, LastRequests, MinRequests, TimeZone, Limit, Thresholds string
	PerUser                                                                                         bool
}

// ruleLabels calls the fields what the form calls them.
var ruleLabels = strings.NewReplacer(
	"scope_value", "“Which one”", "last_requests", "“How many last requests”", "min_requests", "“Fewest requests for an error rate”",
	"window last", "“The last requests”",
)

type option struct{ Value, Text string }

var (
	metricOptions = []option{{"cost", "Cost, in USD"}, {"tokens", "Tokens"}, {"requests", "Requests"}, {"failures", "Failed requests"}, {"error_rate", "Error rate, from 0 to 1"}}
	scopeOptions  = []option{{"everyone", "Everyone"}, {"tier", "A tier"}, {"user", "A user"}, {"provider", "A provider"}, {"model", "A model"}}
	windowOptions = []option{{"month", "Each month"}, {"week", "Each week"}, {"day", "Each day"}, {"total", "In total"}, {"last", "The last requests"}}
)

// rulePage shows the form: of a rule, or of a new one.
func rulePage(v *visit) error {
	if v.param("id") == "new" {
		return v.askForRule(http.StatusOK, store.AlertRule{Enabled: true}, ruleForm{Metric: "cost", Scope: "everyone", Window: "month", TimeZone: v.zone.String(), Thresholds: "80, 100", PerUser: true}, "")
	}
	rule, err := v.rule()
	if err != nil {
		return err
	}
	return v.askForRule(http.StatusOK, rule, formOf(rule), "")
}

// rule finds the rule that the path names.
func (v *visit) rule() (store.AlertRule, error) {
	id, err := v.number("id")
	if err != nil {
		return store.AlertRule{}, err
	}
	rules, err := v.DB.AlertRules(v.Context(), v.caller)
	if err != nil {
		return store.AlertRule{}, err
	}
	for _, r := range rules {
		if r.ID == id {
			return r, nil
		}
	}
	return store.AlertRule{}, problem.New(http.StatusNotFound, "There is no rule of that number.")
}

func (v *visit) askForRule(status int, rule store.AlertRule, form ruleForm, complaint string) error {
	title := rule.Name
	if rule.ID == 0 {
		title = "New rule"
	}
	v.render(v.w, v.Request, status, "rule", page{
		Title: title, Crumbs: []link{{"Alerts", "/alerts"}},
		Body: ruleBody{
			Rule: form, New: rule.ID == 0, ID: rule.ID, Enabled: rule.Enabled, Complaint: complaint,
			Metrics: metricOptions, Scopes: scopeOptions, Windows: windowOptions, Zones: zonesWith(form.TimeZone),
		},
	})
	return nil
}

func formOf(r store.AlertRule) ruleForm {
	f := ruleForm{
		Name: r.Name, Metric: string(r.Metric), Scope: string(r.Scope), ScopeValue: r.ScopeValue, PerUser: r.PerUser,
		Window: string(r.Window), MinRequests: strconv.FormatInt(r.MinRequests, 10), TimeZone: r.TimeZone,
		Limit: plainNumber(r.Limit), Thresholds: strings.ReplaceAll(percentages(r.Thresholds), "%", ""),
	}
	if r.LastRequests > 0 {
		f.LastRequests = strconv.FormatInt(r.LastRequests, 10)
	}
	return f
}

// saveRule makes or changes a rule. A refusal shows the form again, as it was
// filled in.
func saveRule(v *visit) error {
	rule := store.AlertRule{Enabled: true}
	if v.param("id") != "new" {
		var err error
		if rule, err = v.rule(); err != nil {
			return err
		}
	}
	form := v.ruleForm()
	kept := rule
	err := form.over(&rule)
	if err == nil {
		_, err = v.DB.SaveAlertRule(v.Context(), v.caller, rule)
	}
	var refused *store.Error
	switch {
	case errors.As(err, &refused):
		return v.askForRule(http.StatusUnprocessableEntity, kept, form, sentence(ruleLabels.Replace(refused.Message)))
	case err != nil:
		return err
	}
	return v.redirect("/alerts")
}

func (v *visit) ruleForm() ruleForm {
	value := func(name string) string { return strings.TrimSpace(v.PostFormValue(name)) }
	return ruleForm{
		Name: value("name"), Metric: value("metric"), Scope: value("scope"), ScopeValue: v.PostFormValue("scope_value"),
		PerUser: value("per_user") != "", Window: value("window"), LastRequests: value("last_requests"),
		MinRequests: value("min_requests"), TimeZone: value("time_zone"), Limit: value("limit"), Thresholds: value("thresholds"),
	}
}

// over gives a rule what the form says.
func (f ruleForm) over(r *store.AlertRule) error {
	r.Name, r.Metric, r.Scope, r.Window, r.TimeZone = f.Name, store.Metric(f.Metric), store.Scope(f.Scope), store.Window(f.Window), f.TimeZone
	r.ScopeValue, r.PerUser, r.LastRequests, r.MinRequests, r.Thresholds = f.ScopeValue, f.PerUser, 0, 0, nil
	switch {
	case r.Scope == store.ScopeEveryone:
		r.ScopeValue = ""
	case r.ScopeValue == "":
		return &store.Error{Code: store.CodeInvalidText, Message: "scope_value must name a " + f.Scope}
	}
	var err error
	if r.Window == store.WindowLast {
		if r.LastRequests, err = whole("last_requests", f.LastRequests); err != nil {
			return err
		}
	}
	if f.MinRequests != "" {
		if r.MinRequests, err = whole("min_requests", f.MinRequests); err != nil {
			return err
		}
	}
	if r.Limit, err = decimal("the limit", f.Limit); err != nil {
		return err
	}
	for _, text := range strings.FieldsFunc(f.Thresholds, func(c rune) bool { return c == ',' || c == ' ' || c == ';' }) {
		p, err := decimal("a threshold", strings.TrimSuffix(text, "%"))
		if err != nil {
			return err
		}
		r.Thresholds = append(r.Thresholds, p)
	}
	return nil
}

func whole(what, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, &store.Error{Code: store.CodeInvalidText, Message: what + " must be a whole number"}
	}
	return n, nil
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	first, size := utf8.DecodeRuneInString(s)
	return strings.TrimSuffix(string(unicode.ToUpper(first))+s[size:], ".") + "."
}

// enableRule turns a rule on or off.
func enableRule(v *visit) error {
	rule, err := v.rule()
	if err != nil {
		return err
	}
	rule.Enabled = v.PostFormValue("enabled") == "true"
	if _, err := v.DB.SaveAlertRule(v.Context(), v.caller, rule); err != nil {
		return err
	}
	return v.redirect(fmt.Sprintf("/alerts/rules/%d", rule.ID))
}

// deleteRule removes a rule.
func deleteRule(v *visit) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	if err := v.DB.DeleteAlertRule(v.Context(), v.caller, id); err != nil {
		return err
	}
	return v.redirect("/alerts")
}
