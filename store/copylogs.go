package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// One transaction at the target takes as many new logs, or as much of their
// JSON. What one writes of the rollups is shared by its logs, and the source's
// snapshot is held for no longer.
const (
	maxCopiedLogs  = 50_000
	maxCopiedBytes = 64 << 20
)

// A chunk is the logs of one transaction at the target, as one moment of the
// source has them: those that may have changed, which are taken away first, and
// those after the last copied one.
type chunk struct {
	source  querier
	noted   notes
	changed []int64
	last    int64 // the highest id at the target
	most    int   // new logs
}

// copyChunk copies what a chunk may hold, and says whether there is more.
func (c *copying) copyChunk(ctx context.Context, source querier) (more bool, err error) {
	k := chunk{source: source, most: c.chunkLogs}
	if k.last, err = c.to.lastLogID(ctx); err != nil {
		return false, err
	}
	if k.noted, err = c.readNotes(ctx, source, k.last); err != nil {
		return false, err
	}
	k.changed = k.noted.ids
	if k.noted.more {
		k.most = 0
	}
	more, err = c.loadChunk(ctx, &k)
	if err != nil {
		return false, err
	}
	if err := c.at("before forgetting"); err != nil {
		return false, err
	}
	return more || k.noted.more, c.forget(ctx, k.noted)
}

// lastLogID returns the highest id of a log; that of a target says how far the
// copy has come.
func (db *DB) lastLogID(ctx context.Context) (id int64, err error) {
	err = db.readers.QueryRowContext(ctx, "SELECT coalesce(max(id), $1) FROM request_logs", int64(minLogID)).Scan(&id)
	return id, err
}

// minLogID is below any id.
const minLogID = math.MinInt64

// loadChunk writes a chunk. A call id that is taken at the target was given up
// at the source by the log that has it there: that log changes with the chunk.
func (c *copying) loadChunk(ctx context.Context, k *chunk) (more bool, err error) {
	for {
		more, err = c.loadLogs(ctx, k)
		var refused *Error
		if !errors.As(translate(err), &refused) || refused.Code != CodeUnique {
			break
		}
		holders, lookErr := c.holders(ctx, k)
		if lookErr != nil {
			return false, errors.Join(err, lookErr)
		}
		if len(holders) == 0 {
			break
		}
		k.changed = append(slices.Clone(k.changed), holders...)
	}
	if err != nil && k.most > 1 && rowFault(translate(err)) && k.most+len(k.changed) > 1 {
		// A log that the target refuses is to be told by its id.
		return c.loadSingly(ctx, k)
	}
	return more, err
}

// loadSingly copies a chunk's new logs in ever smaller ones, until one log alone
// is refused.
func (c *copying) loadSingly(ctx context.Context, k *chunk) (more bool, err error) {
	for _, id := range k.changed {
		one := chunk{source: k.source, changed: []int64{id}, last: k.last}
		if _, err := c.loadLogs(ctx, &one); err != nil {
			return false, fmt.Errorf("log %d: %w", id, translate(err))
		}
	}
	for most := k.most / 2; most > 0; {
		var ids []int64
		one := chunk{source: k.source, most: most}
		if one.last, err = c.to.lastLogID(ctx); err != nil {
			return false, err
		}
		if more, err = c.loadLogs(ctx, &one); err == nil {
			return more, nil
		}
		if most == 1 {
			if ids, err = c.newIDs(ctx, &one); err == nil && len(ids) == 1 {
				_, err = c.loadLogs(ctx, &one)
				return false, fmt.Errorf("log %d: %w", ids[0], translate(err))
			}
		}
		most /= 2
	}
	return false, err
}

func (c *copying) newIDs(ctx context.Context, k *chunk) (ids []int64, err error) {
	rows, err := k.source.QueryContext(ctx, "SELECT id FROM request_logs WHERE id > $1 ORDER BY id LIMIT $2", k.last, k.most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// holders returns the target's logs, beside the chunk's own, that hold call ids
// of the chunk.
func (c *copying) holders(ctx context.Context, k *chunk) (ids []int64, err error) {
	where, args := k.newLogs()
	calls := []string{}
	for _, part := range []struct {
		where string
		args  []any
	}{{where, args}, {c.from.engine.among("id", 1), []any{c.from.engine.idList(k.changed)}}} {
		rows, err := readTexts(k.source.QueryContext(ctx,
			"SELECT litellm_call_id FROM request_logs WHERE litellm_call_id IS NOT NULL AND "+part.where, part.args...))
		if err != nil {
			return nil, err
		}
		calls = append(calls, rows...)
	}
	own := map[int64]bool{}
	for _, id := range k.changed {
		own[id] = true
	}
	held, err := c.to.readers.PrepareContext(ctx, "SELECT id FROM request_logs WHERE litellm_call_id = $1")
	if err != nil {
		return nil, err
	}
	defer held.Close()
	for _, call := range calls {
		var id int64
		switch err := held.QueryRowContext(ctx, call).Scan(&id); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, err
		case !own[id]:
			own[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (k *chunk) newLogs() (where string, args []any) {
	return "id IN (SELECT id FROM request_logs WHERE id > $1 ORDER BY id LIMIT $2)", []any{k.last, k.most}
}

// loadLogs writes a chunk in one transaction: the logs, what they count for in
// the rollups, and how much the target holds then.
func (c *copying) loadLogs(ctx context.Context, k *chunk) (more bool, err error) {
	record := c.record
	var came, went int64
	err = c.to.load(ctx, func(l *loader) error {
		removed, err := l.remove(ctx, k.changed)
		if err != nil {
			return fmt.Errorf("removing logs that changed: %w", err)
		}
		stream := &logStream{ctx: ctx, source: k.source, bytes: maxCopiedBytes, each: func(log *Log) {
			l.batch.tally.add(log)
			c.moved(1)
		}}
		if len(k.changed) > 0 {
			stream.ask(" WHERE "+c.from.engine.among("id", 1)+" ORDER BY id", c.from.engine.idList(k.changed))
		}
		if k.most > 0 {
			stream.askNew(" WHERE id > $1 ORDER BY id LIMIT $2", k.last, k.most)
		}
		if err := errors.Join(l.insert(ctx, stream), stream.close()); err != nil {
			return fmt.Errorf("storing logs: %w", err)
		}
		more = stream.cut || k.most > 0 && stream.fresh == k.most
		came, went = int64(stream.count), removed
		l.batch.tally.countInto(&record.Logs)
		if err := l.batch.tally.save(l.tx.Tx, &l.batch.stmts); err != nil {
			return err
		}
		if err := l.reachID(ctx, stream.highest); err != nil {
			return err
		}
		saved := c.record
		c.record = record
		defer func() { c.record = saved }()
		if err := c.saveRecord(l.tx.Tx); err != nil {
			return err
		}
		return c.at("before committing logs")
	})
	if err != nil {
		c.moved(-c.unsaved)
		return false, err
	}
	c.record = record
	c.unsaved = 0
	c.done.Copied += came
	c.done.Replaced += went
	return more, c.at("logs committed")
}

// countInto adds what the logs of a transaction count for.
func (t *tally) countInto(n *logCounts) {
	for _, h := range t.hourly {
		n.add(h.requests, h.tokens, h.costUSD, h.costNano)
	}
}

// A logStream reads logs with one question after the other. Its Next and Values
// are what pgx's CopyFrom asks for.
type logStream struct {
	ctx       context.Context //nolint:containedctx // as long as the stream
	source    querier
	questions []logQuestion
	each      func(*Log)
	bytes     int // of JSON that may come yet

	rows    *sql.Rows
	isNew   bool
	log     Log
	count   int
	fresh   int   // of these, new ones
	highest int64 // id
	cut     bool  // there are more, but too large
	err     error
}

type logQuestion struct {
	where string
	args  []any
	isNew bool
}

func (s *logStream) ask(where string, args ...any) {
	s.questions = append(s.questions, logQuestion{where: where, args: args})
}

func (s *logStream) askNew(where string, args ...any) {
	s.questions = append(s.questions, logQuestion{where: where, args: args, isNew: true})
}

// Next reads the next log; false after the last, or on an error.
func (s *logStream) Next() bool {
	if s.err = s.ctx.Err(); s.err != nil {
		return false
	}
	for {
		if s.rows == nil {
			if len(s.questions) == 0 {
				return false
			}
			q := s.questions[0]
			s.questions, s.isNew = s.questions[1:], q.isNew
			if s.isNew && s.bytes <= 0 {
				s.cut = true
				return false
			}
			if s.rows, s.err = s.source.QueryContext(s.ctx, selectLogSQL+q.where, q.args...); s.err != nil {
				s.rows = nil
				return false
			}
		}
		if s.isNew && s.bytes <= 0 {
			s.cut = true
			return false
		}
		if s.rows.Next() {
			return s.take()
		}
		if s.err = errors.Join(s.rows.Err(), s.rows.Close()); s.err != nil {
			return false
		}
		s.rows = nil
	}
}

func (s *logStream) take() bool {
	if s.log, s.err = scanWholeLog(s.rows.Scan); s.err != nil {
		return false
	}
	l := &s.log
	l.ResponseTime = single(l.ResponseTime) // as every engine keeps it
	s.bytes -= len(l.Messages) + len(l.Response) + len(l.Error) + len(l.AdditionalDetails)
	s.count++
	if s.isNew {
		s.fresh++
	}
	s.highest = max(s.highest, l.ID)
	s.each(l)
	return true
}

// Values returns the log's columns as pgx writes them in COPY's binary form.
func (s *logStream) Values() ([]any, error) {
	values := s.log.values()
	values[ColCreatedAt] = s.log.CreatedAt.Time()
	return values, nil
}

// Err returns what ended the stream before its end.
func (s *logStream) Err() error { return s.err }

func (s *logStream) close() error {
	err := s.err
	if s.rows != nil {
		err = errors.Join(err, s.rows.Close())
		s.rows = nil
	}
	return err
}

// insertAnyLogSQL stores a log as it is; logs that are copied have ids.
var insertAnyLogSQL = fmt.Sprintf("INSERT INTO request_logs (%s) VALUES (%s)",
	strings.Join(logColumnNames, ", "), placeholders(1, len(logColumnNames)))
