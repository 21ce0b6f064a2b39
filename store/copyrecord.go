package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// The names in book_state of a database's own id, and of what a target knows of
// the copy that it is.
const (
	databaseIDState = "database_id"
	copiedState     = "copied_from"
)

// A copyRecord is kept by a target: whose copy it is, and what it held when the
// copy last wrote to it. With it, copying again can tell whether somebody else
// wrote there meanwhile.
type copyRecord struct {
	Source string    `json:"source"` // the source's database id
	Logs   logCounts `json:"logs"`   // true after every transaction
	Tables string    `json:"tables"` // a digest of the other tables; "" unless the last copy came to its end
}

// logCounts are sums over all logs, as the rollups have them. They may wrap
// around: they are only compared.
type logCounts struct {
	Requests uint64 `json:"requests"`
	Tokens   uint64 `json:"tokens"`
	USD      uint64 `json:"usd"`
	Nano     uint64 `json:"nano"`
}

func (n *logCounts) add(requests, tokens, usd, nano int64) {
	n.Requests += uint64(requests)
	n.Tokens += uint64(tokens)
	n.USD += uint64(usd)
	n.Nano += uint64(nano)
}

// countedLogs reads what the rollups say of all logs.
func countedLogs(ctx context.Context, from querier) (n logCounts, err error) {
	rows, err := from.QueryContext(ctx, "SELECT requests, tokens, cost_usd, cost_nano FROM traffic_hourly")
	if err != nil {
		return n, fmt.Errorf("counting the logs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var requests, tokens, usd, nano int64
		if err := rows.Scan(&requests, &tokens, &usd, &nano); err != nil {
			return n, err
		}
		n.add(requests, tokens, usd, nano)
	}
	return n, rows.Err()
}

func readState(ctx context.Context, from querier, name string) (value string, err error) {
	err = from.QueryRowContext(ctx, "SELECT value FROM book_state WHERE name = $1", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

func writeState(tx *sql.Tx, name, value string) error {
	_, err := tx.Exec(`
		INSERT INTO book_state (name, value)
		VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

// databaseID returns what tells a database from all others, made when it is
// first asked for.
func (db *DB) databaseID(ctx context.Context) (id string, err error) {
	if id, err = readState(ctx, db.readers, databaseIDState); err != nil || id != "" {
		return id, err
	}
	err = db.Write(ctx, func(tx *Tx) error {
		_, err := tx.Exec("INSERT INTO book_state (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
			databaseIDState, uuid.NewString())
		return err
	})
	if err != nil {
		return "", err
	}
	return readState(ctx, db.readers, databaseIDState)
}

func (c *copying) saveRecord(tx *sql.Tx) error {
	text, err := json.Marshal(c.record)
	if err != nil {
		return err
	}
	return writeState(tx, copiedState, string(text))
}

// ErrNotACopy says that a database cannot be copied to: it holds data of its
// own, or was written to since it was copied to last.
var ErrNotACopy = errors.New("the target holds data that is not the source's")

// examine finds out whether the target may be written to: it is empty, or a copy
// of the source that nobody else has written to. Then c.record is what it knows.
func (c *copying) examine(ctx context.Context) error {
	text, err := readState(ctx, c.to.readers, copiedState)
	if err != nil {
		return err
	}
	if text == "" {
		if err := c.to.isEmpty(ctx); err != nil {
			return err
		}
		c.record = copyRecord{Source: c.sourceID}
		return c.to.Write(ctx, func(tx *Tx) error { return c.saveRecord(tx.Tx) })
	}
	if err := json.Unmarshal([]byte(text), &c.record); err != nil {
		return fmt.Errorf("reading what the target is a copy of: %w", err)
	}
	if c.record.Source != c.sourceID {
		return fmt.Errorf("%w: it is a copy of another database", ErrNotACopy)
	}
	counted, err := countedLogs(ctx, c.to.readers)
	if err != nil {
		return err
	}
	digest := c.record.Tables
	if digest != "" && !c.Overwrite {
		if digest, err = c.to.tablesDigest(ctx); err != nil {
			return err
		}
	}
	if !c.Overwrite && (counted != c.record.Logs || digest != c.record.Tables) {
		return fmt.Errorf("%w: it was written to since the last copy; what was changed there can be made "+
			"as it is at the source, or copy to a new database", ErrNotACopy)
	}
	c.record.Logs = counted
	return nil
}

// isEmpty refuses a database in which anything was ever kept.
func (db *DB) isEmpty(ctx context.Context) error {
	for _, own := range []struct{ what, sql string }{
		{"logs", "SELECT EXISTS (SELECT 1 FROM request_logs)"},
		{"profiles", "SELECT EXISTS (SELECT 1 FROM user_profiles)"},
		{"rows in tokens_usage", "SELECT EXISTS (SELECT 1 FROM tokens_usage)"},
		{"alerts", "SELECT EXISTS (SELECT 1 FROM alerts)"},
		{"alert channels", "SELECT EXISTS (SELECT 1 FROM alert_channels)"},
		{"prices of its own", "SELECT EXISTS (SELECT 1 FROM model_prices WHERE source <> 'shipped')"},
		{"alert rules of its own", "SELECT EXISTS (SELECT 1 FROM alert_rules WHERE updated_at <> created_at OR id > 3)"},
	} {
		var found bool
		if err := db.readers.QueryRowContext(ctx, own.sql).Scan(&found); err != nil {
			return err
		}
		if found {
			return fmt.Errorf("%w: it has %s", ErrNotACopy, own.what)
		}
	}
	return nil
}

// tablesDigest is a digest of what is copied beside the logs. Prices that the
// program ships change with it, and are no part of it.
func (db *DB) tablesDigest(ctx context.Context) (string, error) {
	h := sha256.New()
	for _, t := range append([]*copiedTable{&copiedProfiles}, copiedTables...) {
		where := ""
		if t == &copiedPrices {
			where = "source <> 'shipped'"
		}
		rows, err := t.read(ctx, db.readers, where)
		if err != nil {
			return "", err
		}
		for {
			row, err := rows.next()
			if err != nil || row == nil {
				if err = errors.Join(err, rows.rows.Close()); err != nil {
					return "", err
				}
				break
			}
			fmt.Fprintf(h, "%s %q\n", t.name, row)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
