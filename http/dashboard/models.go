package dashboard

import (
	"slices"
	"strings"

	"github.com/llmtally/llmtally/store"
)

// modelsBody is the models of a time.
type modelsBody struct {
	Span   span
	Search string
	Keep   [][2]string
	Table  table
	Shown  int
	All    int
}

// modelsPage lists the models that were asked.
func modelsPage(v *visit) error {
	asCSV, err := v.wantsCSV("models")
	if err != nil {
		return err
	}
	s, err := v.span()
	if err != nil {
		return err
	}
	o, err := v.DB.Traffic(v.Context(), v.caller, s.From, s.To, s.Granularity, v.zone)
	if err != nil {
		return err
	}
	search := strings.ToLower(strings.TrimSpace(v.query("q")))
	models := slices.DeleteFunc(slices.Clone(o.Models), func(m store.ModelTraffic) bool {
		return !strings.Contains(strings.ToLower(m.Model+" "+m.Provider), search)
	})
	columns := modelColumns(v, o.Range.Requests)
	if asCSV {
		return sendCSV(v, "models", columns, each(models))
	}
	const most = 500
	b := modelsBody{Span: s, Search: v.query("q"), Keep: v.kept("q"), All: len(models), Shown: min(len(models), most)}
	b.Table = newTable(v, "models", "Models", columns, models[:b.Shown])
	b.Table.Empty = "No model was asked in this time."
	if search != "" {
		b.Table.Empty = "No model matches."
	}
	return v.show("models", page{Title: "Models", Body: b})
}
