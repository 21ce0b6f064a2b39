package main

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/llmtally/llmtally/store"
)

type repriceCommand struct {
	databaseFlags
	Model        string `help:"Only this model, as the logs name it." placeholder:"NAME"`
	Since        string `help:"Only logs from this time on: 2026-01-31, or a time." placeholder:"TIME"`
	UnpricedOnly bool   `help:"Leave alone what llmtally has priced before."`
}

func (c *repriceCommand) Run(p *process) error {
	since, err := parseMoment(c.Since)
	if err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	what := store.Repricing{Model: c.Model, UnpricedOnly: c.UnpricedOnly}
	if !since.IsZero() {
		what.Since = store.At(since)
	}
	return c.with(p, func(db *store.DB) error {
		total, err := db.RepriceableLogs(p.ctx, what)
		if err != nil {
			return err
		}
		bar := progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(p.stderr), progressbar.OptionSetVisibility(isTerminal(p.stderr)),
			progressbar.OptionSetDescription("pricing"), progressbar.OptionShowIts(),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		done, err := db.Reprice(p.ctx, what, func(r store.Repriced) { _ = bar.Set64(r.Looked) })
		fmt.Fprintf(p.stdout, "Logs looked at: %d. With a new cost: %d. Still without one: %d.\n",
			done.Looked, done.Changed, done.Without)
		if err != nil {
			return fmt.Errorf("stopped; the same command does the rest: %w", err)
		}
		return bar.Finish()
	})
}
