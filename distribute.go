package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/llmtally/llmtally/store"
)

// distributeCommand spreads a PostgreSQL database over the servers of a Citus
// cluster. No server may run on it meanwhile.
type distributeCommand struct {
	databaseFlags
	Shards int  `help:"Into how many parts the logs go, and the rollups; a server holds many." default:"32"`
	DryRun bool `help:"Print the SQL, and do nothing. Needs no Citus."`
}

func (c *distributeCommand) Run(p *process) error {
	if c.Shards < 1 {
		return errors.New("--shards must be above 0")
	}
	return c.with(p, func(db *store.DB) error {
		if c.DryRun {
			plan, err := db.DistributePlan(p.ctx, c.Shards)
			if err != nil && !errors.Is(err, store.ErrNoCitus) {
				return err
			}
			for _, step := range plan {
				printStep(p.stdout, step)
			}
			return nil
		}
		steps := 0
		err := db.Distribute(p.ctx, c.Shards, func(step store.DistributeStep) {
			steps++
			fmt.Fprintf(p.stdout, "%s: %s\n", step.Name, step.Why)
		})
		if err != nil {
			return err
		}
		if steps == 0 {
			fmt.Fprintln(p.stdout, "nothing was left to do")
			return nil
		}
		fmt.Fprintln(p.stdout, "the database is distributed: start the servers again")
		return nil
	})
}

// printStep prints what a step has left to do, ready for psql.
func printStep(w io.Writer, step store.DistributeStep) {
	fmt.Fprintf(w, "-- %s: %s\n", step.Name, step.Why)
	if len(step.SQL) == 0 {
		fmt.Fprintln(w, "-- done")
		return
	}
	fmt.Fprintln(w, "BEGIN;")
	for _, statement := range step.SQL {
		fmt.Fprintln(w, statement+";")
	}
	fmt.Fprintln(w, "COMMIT;")
}
