package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/llmtally/llmtally/store"
)

// copyCommand copies a database. A server may run on the source meanwhile.
type copyCommand struct {
	databaseFlags
	To        string `help:"Where to: a file, or postgres://user:password@host/name. It is made when it is not there." required:"" placeholder:"FILE"`
	Overwrite bool   `help:"Make the target as the source is even where it was written to since the last copy. Compares every log."`
	Last      bool   `help:"Let the source note no more what changes: there will be no other copy."`
	Check     bool   `help:"Recompute every aggregate of the target from its logs at the end." default:"true" negatable:""`
}

// AfterApply is called by kong when the flags are read.
func (c *copyCommand) AfterApply() error {
	if err := store.CheckPath(c.To); err != nil {
		return err
	}
	if c.To == c.DB || sameFile(c.To, c.DB) {
		return errors.New("--to and --db are the same database")
	}
	return nil
}

func sameFile(a, b string) bool {
	if store.IsServer(a) || store.IsServer(b) {
		return false
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

func (c *copyCommand) Run(p *process) (err error) {
	// A server may be at work there: its upkeep is not ours.
	from, err := c.existingWith(p, store.Options{Guest: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := store.Open(p.ctx, c.To, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	done, err := c.copy(p, from, to)
	if err != nil {
		return c.explained(p, done, err)
	}
	c.report(p, done)
	if !c.Check {
		return nil
	}
	return checkBooks(p, to)
}

func (c *copyCommand) copy(p *process, from, to *store.DB) (store.Copied, error) {
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(p.stderr), progressbar.OptionSetVisibility(isTerminal(p.stderr)),
		progressbar.OptionSetDescription("copying logs"), progressbar.OptionShowIts(), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish())
	done, err := from.Copy(p.ctx, to, store.Copying{
		Overwrite: c.Overwrite, Last: c.Last,
		Progress: func(copied, total int64) {
			if bar.GetMax64() != total {
				bar.ChangeMax64(total)
			}
			_ = bar.Set64(copied) // it can only fail to draw
		},
	})
	_ = bar.Finish()
	return done, err
}

// explained says what to do about an error.
func (c *copyCommand) explained(p *process, done store.Copied, err error) error {
	switch {
	case errors.Is(err, store.ErrNotACopy):
		return fmt.Errorf("%s: %w", store.Shown(c.To), err)
	case errors.Is(err, context.Canceled) || p.ctx.Err() != nil:
		return fmt.Errorf("stopped after %d logs; the same command goes on from here: %w", done.Copied, err)
	default:
		return err
	}
}

func (c *copyCommand) report(p *process, done store.Copied) {
	took := done.Took.Round(time.Millisecond)
	fmt.Fprintf(p.stdout, "%d logs copied in %s (%.0f/s), %d of them again or removed\n",
		done.Copied, took, float64(done.Copied)/done.Took.Seconds(), done.Replaced)
	fmt.Fprintf(p.stdout, "%s is as %s was at %s\n", store.Shown(c.To), store.Shown(c.DB), done.AsOf)
	if done.Compared {
		fmt.Fprintln(p.stdout, "every log was compared")
	}
	if !c.Last {
		fmt.Fprintln(p.stdout, "the same command copies what changes from now on; --last with the last one")
	}
}
