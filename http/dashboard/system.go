package dashboard

import (
	"runtime"
	"strings"

	"github.com/llmtally/llmtally/store"
)

// systemBody is about the program and its database.
type systemBody struct {
	Groups []factGroup
}

type factGroup struct {
	Name  string
	Facts []fact
}

// systemPage tells about the program and its database.
func systemPage(v *visit) error {
	asCSV, err := v.wantsCSV("system")
	if err != nil {
		return err
	}
	s, err := v.DB.Statistics(v.Context(), v.caller)
	if err != nil {
		return err
	}
	groups := []factGroup{{"Program", v.programFacts(s)}, {"Database", databaseFacts(s)}, {"Logs", v.logFacts(s)}}
	if asCSV {
		var all []fact
		for _, g := range groups {
			all = append(all, g.Facts...)
		}
		return sendCSV(v, "system", []column[fact]{
			textColumn("name", "", func(f fact) string { return f.Name }), textColumn("value", "", func(f fact) string { return f.Value }),
		}, each(all))
	}
	return v.show("system", page{Title: "System", Body: systemBody{groups}})
}

func (v *visit) programFacts(s store.Statistics) []fact {
	return []fact{
		{"llmtally", v.Dashboard.Version, ""},
		{"Go", strings.TrimPrefix(runtime.Version(), "go") + ", " + runtime.GOOS + "/" + runtime.GOARCH, ""},
		{"Logs that wait to be written", count(int64(s.QueueDepth)) + " of " + count(int64(s.QueueCapacity)), "in this process; when the queue is full, senders are asked to send again"},
	}
}

func databaseFacts(s store.Statistics) []fact {
	all := []fact{{"Engine", strings.TrimSpace(s.Engine + " " + s.Version), ""}, {"Size", size(s.Size), count(s.Size) + " bytes"}}
	if s.FreeBytes != nil {
		all = append(all, fact{"Of it free", size(*s.FreeBytes), count(*s.FreeBytes) + " bytes, for new rows"})
	}
	if s.WALSize != nil {
		all = append(all, fact{"Write-ahead log", size(*s.WALSize), count(*s.WALSize) + " bytes"})
	}
	return all
}

func (v *visit) logFacts(s store.Statistics) []fact {
	moment := func(name string, t *store.Timestamp, absent string) fact {
		f := v.stampOf(t)
		if t == nil {
			f.Text = absent
		}
		return fact{name, f.Text, f.Title}
	}
	return []fact{
		{"Requests", count(s.Logs), ""}, {"Users", count(s.Users), ""},
		{"Begun and not ended", count(s.Unfinished), "status initiated"},
		moment("Oldest", s.Oldest, none), moment("Newest", s.Newest, none), moment("Last backup", s.LastBackup, "none yet"),
	}
}
