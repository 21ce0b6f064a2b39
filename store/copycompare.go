package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// copiedLogs is a log with all that is the sender's.
var copiedLogs = func() copiedTable {
	t := copiedTable{name: "request_logs", key: 1}
	for _, c := range logTable {
		t.columns = append(t.columns, bulkColumn{c.name, kinds[c.kind]})
	}
	t.columns = append(t.columns, bulkColumn{"price_id", "bigint"})
	return t
}()

// comparedLogs is how many logs are compared in one snapshot.
const comparedLogs = 10_000

// compareLogs compares every log up to the last copied one, and copies those
// again that differ. It reads all there is on both sides.
func (c *copying) compareLogs(ctx context.Context) error {
	last, err := c.to.lastLogID(ctx)
	if err != nil {
		return err
	}
	for after := int64(minLogID); after < last; {
		err := c.fromSnapshot(ctx, func(s *sql.Tx) error {
			upTo := last
			// Nothing there means that the rest of the target's logs are gone.
			err := s.QueryRowContext(ctx, `
				SELECT id FROM request_logs
				WHERE id > $1 AND id < $2
				ORDER BY id
				LIMIT 1 OFFSET $3`, after, last, comparedLogs).Scan(&upTo)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			if err := c.compareSome(ctx, s, after, upTo, last); err != nil {
				return err
			}
			after = upTo
			return nil
		})
		if err != nil {
			return fmt.Errorf("comparing logs: %w", err)
		}
	}
	return nil
}

func (c *copying) compareSome(ctx context.Context, source querier, after, upTo, last int64) error {
	var differing []int64
	err := copiedLogs.compareWhere(ctx, source, c.to.readers, "id > $1 AND id <= $2", []any{after, upTo},
		func(a, b []any) error {
			if a == nil {
				a = b
			}
			differing = append(differing, integer(a[0]))
			return nil
		})
	if err != nil || len(differing) == 0 {
		return err
	}
	_, err = c.loadChunk(ctx, &chunk{source: source, changed: differing, last: last})
	return err
}

// comparedTables are what must be equal on both sides when a copy has come to
// its end. The rollups are the counts and sums of all logs, by user, model and
// hour: where those of the source agree with its logs, equal ones say that no log
// is missing, and none is there twice.
var comparedTables = func() []*copiedTable {
	profiles := copiedProfiles
	profiles.columns = append(profiles.columns[:len(profiles.columns):len(profiles.columns)],
		bulkColumn{"tokens_used", "bigint"})
	tables := append([]*copiedTable{&profiles}, copiedTables...)
	for _, r := range rollupTables {
		t := &copiedTable{name: r.name, key: len(r.key)}
		for _, name := range r.columns() {
			t.columns = append(t.columns, r.bulk(name))
		}
		tables = append(tables, t)
	}
	return tables
}()

// A CopyError says where the target differs from the source though everything
// was copied: the first differences, and how many there are.
type CopyError struct {
	Differences []Difference
	Count       int
}

const shownCopyDifferences = 20

func (e *CopyError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the copy differs from the source in %d rows (if `llmtally check` finds the source unclean, rebuild it first):", e.Count)
	for _, d := range e.Differences {
		fmt.Fprintf(&b, "\n%s %s: source %s; target %s", d.Table, d.Key, orNoRow(d.Expected), orNoRow(d.Recorded))
	}
	return b.String()
}

func orNoRow(s string) string {
	if s == "" {
		return "has no such row"
	}
	return "has " + s
}

// compareAll compares the two sides.
func (c *copying) compareAll(ctx context.Context, source querier) error {
	var found CopyError
	for _, t := range comparedTables {
		err := t.compare(ctx, source, c.to.readers, func(a, b []any) error {
			if found.Count++; found.Count <= shownCopyDifferences {
				found.Differences = append(found.Differences, t.difference(a, b))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("comparing %s: %w", t.name, err)
		}
	}
	if found.Count > 0 {
		return &found
	}
	return nil
}
