package store

import (
	"context"
	"time"
)

// A Delivery is an alert on its way to a channel.
type Delivery struct {
	ID       int64
	Attempts int // so far
	Alert    Alert
	Channel  AlertChannel
	Secret   string // the channel's; never shown
}

// AlertsWaiting gets a value when a commit has put alerts into the outbox.
func (db *DB) AlertsWaiting() <-chan struct{} { return db.alerted }

func (db *DB) wakeDelivery() {
	select {
	case db.alerted <- struct{}{}:
	default: // it is awake
	}
}

// DueDeliveries returns what is to be sent by now, at most limit for each
// channel: one that is down must not hide the others'. Those that failed least
// often come first, of these the oldest: one that a receiver never takes must
// not hold up the rest.
func (db *DB) DueDeliveries(ctx context.Context, limit int) ([]Delivery, error) {
	rows, err := db.readers.QueryContext(ctx, `
		SELECT id, attempts, alert_id, channel_id, name, kind, target, secret
		FROM (
			SELECT d.id, d.attempts, d.alert_id, d.channel_id, c.name, c.kind, c.target, c.secret,
				row_number() OVER (PARTITION BY d.channel_id ORDER BY d.attempts, d.next_attempt_at, d.id) AS place
			FROM alert_deliveries AS d
			JOIN alert_channels AS c ON c.id = d.channel_id
			WHERE d.next_attempt_at <= $1 AND c.enabled
		) AS due
		WHERE place <= $2
		ORDER BY channel_id, place`, db.now().Stored(), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var due []Delivery
	for rows.Next() {
		var d Delivery
		if err := rows.Scan(&d.ID, &d.Attempts, &d.Alert.ID, &d.Channel.ID, &d.Channel.Name, &d.Channel.Kind,
			&d.Channel.Target, &d.Secret); err != nil {
			return nil, err
		}
		due = append(due, d)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	known := due[:0]
	for _, d := range due {
		d.Alert, err = db.alert(ctx, d.Alert.ID)
		if err == ErrNotFound {
			continue // its user was erased meanwhile
		}
		if err != nil {
			return nil, err
		}
		known = append(known, d)
	}
	return known, nil
}

// NextDelivery returns when the next attempt is due; ok is false when none is
// to come.
func (db *DB) NextDelivery(ctx context.Context) (at time.Time, ok bool, err error) {
	var next *string
	err = db.readers.QueryRowContext(ctx, `
		SELECT min(d.next_attempt_at)
		FROM alert_deliveries AS d
		JOIN alert_channels AS c ON c.id = d.channel_id
		WHERE d.next_attempt_at IS NOT NULL AND c.enabled`).Scan(&next)
	if err != nil || next == nil {
		return time.Time{}, false, err
	}
	return moment(*next).Time(), true, nil
}

// Delivered notes that a delivery has arrived.
func (db *DB) Delivered(ctx context.Context, id int64) error {
	return db.Write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`
			UPDATE alert_deliveries
			SET attempts = attempts + 1, delivered_at = $2, next_attempt_at = NULL, last_error = ''
			WHERE id = $1`, id, tx.now().Stored())
		return err
	})
}

// DeliveryFailed notes why an attempt failed, and when the next one is due; a
// zero time means never. What else waits for the channel is not due before.
func (db *DB) DeliveryFailed(ctx context.Context, id int64, reason string, next time.Time) error {
	var at any
	if !next.IsZero() {
		at = At(next).Stored()
	}
	return db.Write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`
			UPDATE alert_deliveries
			SET attempts = attempts + 1, next_attempt_at = $2, last_error = $3
			WHERE id = $1`, id, at, reason)
		if err != nil || at == nil {
			return err
		}
		_, err = tx.Exec(`
			UPDATE alert_deliveries
			SET next_attempt_at = $2
			WHERE next_attempt_at < $2 AND channel_id = (SELECT channel_id FROM alert_deliveries WHERE id = $1)`, id, at)
		return err
	})
}
