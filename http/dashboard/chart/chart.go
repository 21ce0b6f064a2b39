// Package chart draws columns over time, stacked by name, as SVG in HTML: with
// axes, a legend, a description, a title for each column and a table of the
// values. It knows neither requests nor the database. Widths are percentages
// and colours classes, so that a chart fits any screen, light or dark, without
// a style of its own.
package chart

import (
	"embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// A Chart is columns over time.
type Chart struct {
	ID          string // unique on its page
	Title       string // what is measured
	Description string // of what, when, by what: a sentence
	Unit        Unit
	Format      func(float64) string // writes a value in full
	Head        string               // what a column is: Day, Hour
	Columns     []Column
	Series      []Series // the lowest first
}

// A Column is a moment's place on the axis.
type Column struct {
	Name  string // in full: Mon 23 Nov 2026
	Label string // on the axis; empty for none
	Minor bool   // the label goes where there is little room
}

// The size of the drawing, in pixels.
const (
	height   = 200 // of the highest column
	above    = 10  // so that the highest tick's label has room
	below    = 22  // for the columns' labels
	maxTicks = 4
)

//go:embed chart.html
var source embed.FS

var page = template.Must(template.ParseFS(source, "chart.html"))

// HTML draws the chart. Values below 0 and those that are no number count as 0.
func (c Chart) HTML() (template.HTML, error) {
	var b strings.Builder
	if err := page.Execute(&b, c.drawing()); err != nil {
		return "", fmt.Errorf("drawing the chart %s: %w", c.ID, err)
	}
	return template.HTML(b.String()), nil
}

// A drawing is what the template needs.
type drawing struct {
	Chart
	Height, Plot int
	Ticks        []tick
	Bars         []bar
	Keys         []key
	Rows         []row
	Empty        bool
}

type (
	tick struct {
		Y     float64
		Label string
		Zero  bool
	}
	bar struct {
		Column
		First    bool
		X, Width string // percent
		Middle   string
		Title    string
		Parts    []part
	}
	part struct {
		Class     string
		Y, Height string
	}
	key struct{ Class, Name string }
	row struct {
		Name   string
		Values []amount
	}
	amount struct{ Text, Class string }
)

func (c Chart) drawing() drawing {
	d := drawing{Chart: c, Height: above + height + below, Plot: above + height}
	highest := 0.0
	for i := range c.Columns {
		highest = max(highest, c.sum(i))
	}
	d.Empty = highest == 0
	ticks := Ticks(highest, maxTicks, c.Unit)
	top := ticks[len(ticks)-1]
	for i, label := range Labels(ticks, c.Unit) {
		v := ticks[i]
		d.Ticks = append(d.Ticks, tick{Y: above + height*(1-v/top), Label: label, Zero: v == 0})
	}
	for i, s := range c.Series {
		d.Keys = append(d.Keys, key{class(i, s), s.Name})
	}
	step := 100 / float64(max(len(c.Columns), 1))
	for i, column := range c.Columns {
		d.Bars = append(d.Bars, bar{
			Column: column, First: i == 0, X: percent(step * (float64(i) + gap/2)), Width: percent(step * (1 - gap)),
			Middle: percent(step * (float64(i) + 0.5)), Title: c.title(i), Parts: c.parts(i, height/top),
		})
		d.Rows = append(d.Rows, c.row(i))
	}
	return d
}

// gap is the part of a column's place that stays free.
const gap = 0.22

// parts stacks one column's values.
func (c Chart) parts(column int, scale float64) (parts []part) {
	y := float64(above + height)
	for i, s := range c.Series {
		h := value(s.Values[column]) * scale
		if h <= 0 {
			continue
		}
		y -= h
		parts = append(parts, part{class(i, s), pixels(y), pixels(h)})
	}
	return parts
}

// title says in words what a column shows, a line each.
func (c Chart) title(column int) string {
	lines := []string{c.Columns[column].Name, "Total\t" + c.Format(c.sum(column))}
	for i := len(c.Series) - 1; i >= 0 && len(c.Series) > 1; i-- { // as they stand, the highest first
		if v := value(c.Series[i].Values[column]); v > 0 {
			lines = append(lines, c.Series[i].Name+"\t"+c.Format(v))
		}
	}
	return strings.Join(lines, "\n")
}

func (c Chart) row(column int) row {
	r := row{Name: c.Columns[column].Name}
	for _, s := range c.Series {
		r.Values = append(r.Values, c.amount(value(s.Values[column])))
	}
	if len(c.Series) > 1 {
		r.Values = append(r.Values, c.amount(c.sum(column)))
	}
	return r
}

func (c Chart) amount(v float64) amount {
	a := amount{Text: c.Format(v)}
	if c.Unit == USD {
		a.Class = DecimalClass(a.Text)
	}
	return a
}

// DecimalClass names how many decimals an amount of money is written with, so
// that the style can set a column's decimal points below each other: "money d4".
func DecimalClass(text string) string {
	_, fraction, _ := strings.Cut(text, ".")
	const most = 9 // nano-dollars, which are what is summed
	return "money d" + strconv.Itoa(min(len(fraction), most))
}

func (c Chart) sum(column int) (sum float64) {
	for _, s := range c.Series {
		sum += value(s.Values[column])
	}
	return sum
}

func value(v float64) float64 {
	if !(v > 0) || v > 1e300 {
		return 0
	}
	return v
}

func class(i int, s Series) string {
	if s.Rest {
		return "rest"
	}
	return "s" + strconv.Itoa(i%len(Light))
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) + "%" }
func pixels(v float64) string  { return strconv.FormatFloat(v, 'f', 2, 64) }
