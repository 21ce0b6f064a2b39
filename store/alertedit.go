package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// AlertRules returns every rule, by id.
func (db *DB) AlertRules(ctx context.Context, caller policy.Caller) ([]AlertRule, error) {
	if !policy.For(caller, "alert_rules", policy.Select).Any() {
		return nil, errPermission("alert_rules")
	}
	return inSnapshot(ctx, db, readRules)
}

// inSnapshot reads with a function of a transaction.
func inSnapshot[T any](ctx context.Context, db *DB, read func(context.Context, *sql.Tx) (T, error)) (T, error) {
	tx, err := db.readers.BeginTx(ctx, &db.engine.snapshot)
	if err != nil {
		var none T
		return none, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return read(ctx, tx)
}

// SaveAlertRule makes a rule, or changes the one of its id, and returns it as
// it is kept. It holds for the next log.
func (db *DB) SaveAlertRule(ctx context.Context, caller policy.Caller, r AlertRule) (AlertRule, error) {
	if !policy.For(caller, "alert_rules", policy.Update).Any() {
		return r, errPermission("alert_rules")
	}
	if err := r.complete(); err != nil {
		return r, err
	}
	thresholds, err := json.Marshal(r.Thresholds)
	if err != nil {
		return r, err
	}
	err = db.writeLookups(ctx, func(tx *Tx) error {
		now := tx.now().Stored()
		values := []any{
			r.Name, r.Metric, r.Scope, r.ScopeValue, r.PerUser, r.Window, r.LastRequests, r.MinRequests,
			r.TimeZone, r.Limit, string(thresholds), r.Enabled, now,
		}
		if r.ID == 0 {
			return named("alert_rules", r.Name, tx.QueryRow(`
				INSERT INTO alert_rules (name, metric, scope, scope_value, per_user, period, last_requests,
					min_requests, time_zone, max_value, thresholds, enabled, created_at, updated_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
				RETURNING id`, values...).Scan(&r.ID))
		}
		err := tx.QueryRow(`
			UPDATE alert_rules
			SET (name, metric, scope, scope_value, per_user, period, last_requests, min_requests, time_zone,
				max_value, thresholds, enabled, updated_at) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			WHERE id = $14
			RETURNING id`, append(values, r.ID)...).Scan(&r.ID)
		if err != nil {
			return named("alert_rules", r.Name, err)
		}
		return endOutdated(tx, &r, now)
	})
	if err != nil {
		return r, err
	}
	return db.alertRule(r.ID)
}

// endOutdated resolves what fired for what the rule no longer says.
func endOutdated(tx *Tx, r *AlertRule, now string) error {
	values := []any{now, r.ID, r.Limit, r.Metric, r.Window, r.Scope, r.ScopeValue, r.PerUser}
	first := len(values) + 1
	for _, threshold := range r.Thresholds {
		values = append(values, threshold)
	}
	_, err := tx.Exec(fmt.Sprintf(`
		UPDATE alerts
		SET resolved_at = $1
		WHERE rule_id = $2 AND resolved_at IS NULL AND (
			max_value <> $3 OR metric <> $4 OR period <> $5 OR scope <> $6 OR scope_value <> $7
			OR (user_profile_id <> '') <> $8 OR threshold NOT IN (%s)
		)`, placeholders(first, len(values))), values...)
	return err
}

func (db *DB) alertRule(id int64) (AlertRule, error) {
	for _, r := range db.lookups.current.Load().rules {
		if r.ID == id {
			return r, nil
		}
	}
	return AlertRule{}, ErrNotFound
}

// DeleteAlertRule removes a rule. Its alerts stay, as resolved.
func (db *DB) DeleteAlertRule(ctx context.Context, caller policy.Caller, id int64) error {
	if !policy.For(caller, "alert_rules", policy.Delete).Any() {
		return errPermission("alert_rules")
	}
	return db.writeLookups(ctx, func(tx *Tx) error {
		if err := deleted(tx.Exec("DELETE FROM alert_rules WHERE id = $1", id)); err != nil {
			return err
		}
		_, err := tx.Exec("UPDATE alerts SET resolved_at = $1 WHERE rule_id = $2 AND resolved_at IS NULL",
			tx.now().Stored(), id)
		return err
	})
}

func deleted(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}

// named gives the refusal of a taken name its words, and no row its meaning.
func named(table, name string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if e, ok := translate(err).(*Error); ok && e.Code == CodeUnique {
		return errorf(CodeUnique, "there is one named %q in %s already", clip(name), table)
	}
	return err
}

// An AlertChannel is where alerts are delivered. Its secret, which signs what a
// webhook gets, is written and never shown.
type AlertChannel struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Kind      string    `json:"kind" enum:"webhook,slack,discord,email"`
	Target    string    `json:"target" doc:"A URL, or e-mail addresses separated by commas."`
	HasSecret bool      `json:"has_secret"`
	Enabled   bool      `json:"enabled"`
	CreatedAt Timestamp `json:"created_at" format:"date-time"`
	UpdatedAt Timestamp `json:"updated_at" format:"date-time"`
}

const channelColumns = "id, name, kind, target, secret <> '', enabled, created_at, updated_at"

func scanChannel(scan func(...any) error) (c AlertChannel, err error) {
	var created, updated string
	err = scan(&c.ID, &c.Name, &c.Kind, &c.Target, &c.HasSecret, &c.Enabled, &created, &updated)
	c.CreatedAt, c.UpdatedAt = moment(created), moment(updated)
	return c, err
}

// AlertChannels returns every channel, by id.
func (db *DB) AlertChannels(ctx context.Context, caller policy.Caller) ([]AlertChannel, error) {
	if !policy.For(caller, "alert_channels", policy.Select).Any() {
		return nil, errPermission("alert_channels")
	}
	rows, err := db.readers.QueryContext(ctx, "SELECT "+channelColumns+" FROM alert_channels ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	channels := []AlertChannel{}
	for rows.Next() {
		c, err := scanChannel(rows.Scan)
		if err != nil {
			return nil, err
		}
		channels = append(channels, c)
	}
	return channels, rows.Err()
}

// SaveAlertChannel makes a channel, or changes the one of its id. A nil secret
// leaves the one that is kept. Whether the target can be reached is not looked
// at: the caller has checked what it looks like.
func (db *DB) SaveAlertChannel(ctx context.Context, caller policy.Caller, c AlertChannel, secret *string) (AlertChannel, error) {
	if !policy.For(caller, "alert_channels", policy.Update).Any() {
		return c, errPermission("alert_channels")
	}
	if !isName(c.Name) {
		return c, errName()
	}
	if !query.IsText(c.Target) || secret != nil && !query.IsText(*secret) {
		return c, errorf(CodeBadCharacter, "target and secret must be text without a NUL")
	}
	err := db.Write(ctx, func(tx *Tx) (err error) {
		now := tx.now().Stored()
		if c.ID == 0 {
			c, err = scanChannel(tx.QueryRow(`
				INSERT INTO alert_channels (name, kind, target, secret, enabled, created_at, updated_at)
				VALUES ($1, $2, $3, coalesce($4, ''), $5, $6, $6)
				RETURNING `+channelColumns, c.Name, c.Kind, c.Target, secret, c.Enabled, now).Scan)
		} else {
			c, err = scanChannel(tx.QueryRow(`
				UPDATE alert_channels
				SET name = $1, kind = $2, target = $3, secret = coalesce($4, secret), enabled = $5, updated_at = $6
				WHERE id = $7
				RETURNING `+channelColumns, c.Name, c.Kind, c.Target, secret, c.Enabled, now, c.ID).Scan)
		}
		return named("alert_channels", c.Name, err)
	})
	if err == nil {
		db.wakeDelivery() // what waited for the channel may be due
	}
	return c, err
}

// DeleteAlertChannel removes a channel, and with it what waits to be delivered
// there.
func (db *DB) DeleteAlertChannel(ctx context.Context, caller policy.Caller, id int64) error {
	if !policy.For(caller, "alert_channels", policy.Delete).Any() {
		return errPermission("alert_channels")
	}
	return db.Write(ctx, func(tx *Tx) error {
		return deleted(tx.Exec("DELETE FROM alert_channels WHERE id = $1", id))
	})
}
