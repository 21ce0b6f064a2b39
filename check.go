package main

import (
	"errors"
	"fmt"

	"github.com/llmtally/llmtally/store"
)

type checkCommand struct{ databaseFlags }

// shownDifferences bounds what check prints.
const shownDifferences = 100

func (c *checkCommand) Run(p *process) (err error) {
	db, err := c.existing(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return checkBooks(p, db)
}

// checkBooks says where the aggregates do not agree with the logs.
func checkBooks(p *process, db *store.DB) error {
	n := 0
	err := db.Check(p.ctx, func(d store.Difference) {
		if n++; n <= shownDifferences {
			fmt.Fprintf(p.stdout, "%s %s\n  recorded: %s\n  expected: %s\n", d.Table, d.Key, orNone(d.Recorded), orNone(d.Expected))
		}
	})
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%d rows differ from the logs; `llmtally rebuild` repairs them", n)
	}
	_, err = fmt.Fprintln(p.stdout, "clean: every aggregate agrees with the logs")
	return err
}

func orNone(s string) string {
	if s == "" {
		return "(no row)"
	}
	return s
}

type rebuildCommand struct{ databaseFlags }

func (c *rebuildCommand) Run(p *process) (err error) {
	db, err := c.existing(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Rebuild(p.ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, "every aggregate was made anew from the logs")
	return err
}
