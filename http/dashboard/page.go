package dashboard

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strings"

	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/policy"
)

// A page is what every page has, and its own part.
type page struct {
	Title string
	Body  any

	Crumbs  []link // the way here, this page left out
	GoOn    string // where the browser goes by itself, at once
	Refresh bool   // without JavaScript, the page is asked for again and again

	// What render fills in.
	Nav        []navItem
	Who        string
	SignedIn   bool
	Operator   bool
	Zone       string
	ZoneChosen bool // not the browser's
	Zones      []string
	Year       int // in the zone: times of another year say so
	Here       string
	Version    string
	Stylesheet string
	Script     string
}

type (
	link    struct{ Text, Href string }
	navItem struct {
		link
		Current bool
	}
)

//go:embed templates
var templateFiles embed.FS

// templates hold each page's template by its name: the layout, the parts that
// pages share, and the page.
var templates = parseTemplates()

func parseTemplates() map[string]*template.Template {
	const shared = "templates/shared/*.html"
	base := template.Must(template.New("layout.html").Funcs(template.FuncMap{
		"count": count, "short": short, "money": money, "userPath": userPath, "legible": legible,
	}).ParseFS(templateFiles, shared))
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err) // it is in the program
	}
	all := map[string]*template.Template{}
	for _, e := range entries {
		if !e.IsDir() {
			own := template.Must(template.Must(base.Clone()).ParseFS(templateFiles, "templates/"+e.Name()))
			all[e.Name()[:len(e.Name())-len(".html")]] = own
		}
	}
	return all
}

// render answers with a page. A template's failure is a 500 without the half
// page.
func (d *Dashboard) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	d.fill(&p, r)
	var b bytes.Buffer
	if err := templates[name].Execute(&b, p); err != nil {
		record.Fail(r.Context(), err)
		http.Error(w, "The page could not be written; the server's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// An error here is the client's going away.
	_, _ = w.Write(b.Bytes())
}

// fill gives a page what all pages have.
func (d *Dashboard) fill(p *page, r *http.Request) {
	p.Version, p.Stylesheet, p.Script = d.Version, assetPath("app.css"), assetPath("app.js")
	zone, chosen := zoneOf(r)
	p.Zone, p.ZoneChosen, p.Here = zone.String(), chosen, r.URL.RequestURI()
	p.Zones = zonesWith(p.Zone)
	if r.Method != http.MethodGet {
		p.Here = "/"
	}
	v, ok := d.visitOf(nil, r)
	if !ok {
		return
	}
	p.SignedIn, p.Operator, p.Year = true, v.isOperator(), v.now.Year()
	p.Who = v.caller.Subject
	if p.Operator {
		p.Who = "service key"
	}
	p.Nav = navigation(v.caller.Role, r.URL.Path)
}

// navigation lists the pages that a role has.
func navigation(role policy.Role, here string) []navItem {
	links := []link{{"Overview", "/"}, {"Users", "/users"}, {"Requests", "/requests"}, {"Models", "/models"}, {"Alerts", "/alerts"}, {"Prices", "/prices"}, {"Jobs", "/jobs"}, {"System", "/system"}}
	if role != policy.Service {
		links = []link{{"My usage", "/"}, {"My requests", "/requests"}}
	}
	items := make([]navItem, len(links))
	for i, l := range links {
		items[i] = navItem{l, l.Href == here || l.Href != "/" && strings.HasPrefix(here, l.Href+"/")}
	}
	return items
}

// show answers with a page for the person of the visit.
func (v *visit) show(name string, p page) error {
	v.render(v.w, v.Request, http.StatusOK, name, p)
	return nil
}

// message answers with a page of a few words.
func (d *Dashboard) message(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	d.render(w, r, status, "message", page{Title: title, Body: struct {
		Status int
		Text   string
	}{status, text}})
}
