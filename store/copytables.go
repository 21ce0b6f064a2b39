package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// What is copied beside the logs: everything but the rollups, which follow the
// logs at the target too, and what jobs note of themselves. tokens_used of a
// profile is the sum of its logs, and follows them as well.
//
// Rows keep their ids, those of prices too: what refers to them (a log's
// price_id, an alert's rule) means the same at the target, also when the row is
// gone.
var (
	copiedProfiles = copiedTable{"user_profiles", 1, bulkColumns(
		"text", "user_id", "email", "full_name", "avatar_url", "provider", "provider_user_id", "json", "raw_oauth_details",
		"text", "subscription_tier", "timestamptz", "created_at", "updated_at")}
	copiedUsage = copiedTable{"tokens_usage", 1, bulkColumns(
		"bigint", "id", "text", "user_profile_id", "period_type", "timestamptz", "period_start", "period_end",
		"bigint", "total_tokens", "double precision", "total_cost", "bigint", "request_count",
		"json", "model_breakdown", "provider_breakdown", "timestamptz", "created_at", "updated_at")}
	copiedPrices = copiedTable{"model_prices", 1, bulkColumns(
		"bigint", "id", "text", "source", "provider", "model", "timestamptz", "effective_from",
		"text", "hours", "match", "rates", "bigint", "context_window", "boolean", "deprecated",
		"bigint", "position", "timestamptz", "created_at")}
	copiedRules = copiedTable{"alert_rules", 1, bulkColumns(
		"bigint", "id", "text", "name", "metric", "scope", "scope_value", "boolean", "per_user", "text", "period",
		"bigint", "last_requests", "min_requests", "text", "time_zone", "double precision", "max_value",
		"text", "thresholds", "boolean", "enabled", "timestamptz", "created_at", "updated_at")}
	copiedChannels = copiedTable{"alert_channels", 1, bulkColumns(
		"bigint", "id", "text", "name", "kind", "target", "secret", "boolean", "enabled",
		"timestamptz", "created_at", "updated_at")}
	copiedAlerts = copiedTable{"alerts", 1, bulkColumns(
		"bigint", "id", "rule_id", "text", "rule_name", "metric", "scope", "scope_value", "period", "user_profile_id",
		"window_start", "window_end", "double precision", "threshold", "max_value", "used",
		"text", "message", "timestamptz", "fired_at", "resolved_at")}
	copiedDeliveries = copiedTable{"alert_deliveries", 1, bulkColumns(
		"bigint", "id", "alert_id", "channel_id", "attempts", "timestamptz", "next_attempt_at", "delivered_at",
		"text", "last_error")}

	// In the order that their foreign keys want. Profiles are no part of it:
	// logs refer to them, so their rows are never replaced.
	copiedTables = []*copiedTable{
		&copiedUsage, &copiedPrices, &copiedRules, &copiedChannels, &copiedAlerts, &copiedDeliveries,
	}
	// What has a sequence for its ids.
	numberedTables = append([]*copiedTable{{name: "request_logs"}}, copiedTables...)
)

// bulkColumns reads a list of names, each kind before the columns that are of it.
func bulkColumns(words ...string) (columns []bulkColumn) {
	kind := ""
	for _, word := range words {
		if _, ok := cellTypes[word]; ok {
			kind = word
			continue
		}
		columns = append(columns, bulkColumn{word, kind})
	}
	return columns
}

// copyTables makes the tables beside the logs equal to the source's. Rows that
// differ go before any comes: two rows may have swapped a name that only one of
// them may have. Profiles that the source does not have any more go when
// profilesToo is set: only where no log of theirs is left.
func (c *copying) copyTables(ctx context.Context, source querier, profilesToo bool) error {
	gone, err := c.copyProfiles(ctx, source)
	if err != nil {
		return err
	}
	looked := false
	for i := len(copiedTables) - 1; i >= 0; i-- {
		t := copiedTables[i]
		removed, err := c.removeDiffering(ctx, source, t)
		if err != nil {
			return fmt.Errorf("copying %s: %w", t.name, err)
		}
		looked = looked || removed && (t == &copiedPrices || t == &copiedRules)
	}
	for _, t := range copiedTables {
		added, err := c.addMissing(ctx, source, t)
		if err != nil {
			return fmt.Errorf("copying %s: %w", t.name, err)
		}
		looked = looked || added && (t == &copiedPrices || t == &copiedRules)
	}
	if looked {
		if err := c.to.Write(ctx, changeLookups); err != nil {
			return err
		}
	}
	if profilesToo {
		return c.removeProfiles(ctx, gone)
	}
	return nil
}

// copiedBatch is how many rows of such a table one transaction writes.
const copiedBatch = 1000

// A rowBatch gathers rows and does something with many at once.
type rowBatch struct {
	rows [][]any
	do   func(rows [][]any) error
	// found says that there was one.
	found bool
}

func (b *rowBatch) add(row []any) error {
	b.rows, b.found = append(b.rows, row), true
	if len(b.rows) < copiedBatch {
		return nil
	}
	return b.flush()
}

func (b *rowBatch) flush() error {
	if len(b.rows) == 0 {
		return nil
	}
	rows := b.rows
	b.rows = nil
	return b.do(rows)
}

func (c *copying) copyProfiles(ctx context.Context, source querier) (gone []string, err error) {
	var set []string
	for _, name := range copiedProfiles.names()[1:] {
		set = append(set, name+" = excluded."+name)
	}
	conflict := "ON CONFLICT (user_id) DO UPDATE SET " + strings.Join(set, ", ")
	batch := rowBatch{do: func(rows [][]any) error {
		if err := c.at("profiles"); err != nil {
			return err
		}
		return c.to.Write(ctx, func(tx *Tx) error { return copiedProfiles.insert(tx, rows, conflict) })
	}}
	err = copiedProfiles.compare(ctx, source, c.to.readers, func(row, old []any) error {
		if row == nil {
			gone = append(gone, text(old[0]))
			return nil
		}
		return batch.add(row)
	})
	if err == nil {
		err = batch.flush()
	}
	if err != nil {
		return nil, fmt.Errorf("copying user_profiles: %w", err)
	}
	return gone, nil
}

// removeProfiles removes the profiles of users who were erased at the source.
func (c *copying) removeProfiles(ctx context.Context, users []string) error {
	if len(users) == 0 {
		return nil
	}
	err := c.to.Write(ctx, func(tx *Tx) error {
		for _, user := range users {
			if _, err := tx.Exec("DELETE FROM user_profiles WHERE user_id = $1", user); err != nil {
				return translate(err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("removing profiles: %w", err)
	}
	return nil
}

// removeDiffering removes the target's rows that are not the source's.
func (c *copying) removeDiffering(ctx context.Context, source querier, t *copiedTable) (found bool, err error) {
	batch := rowBatch{do: func(rows [][]any) error {
		if err := c.at("removing from " + t.name); err != nil {
			return err
		}
		ids := make([]int64, len(rows))
		for i, row := range rows {
			ids[i] = integer(row[0])
		}
		return c.to.Write(ctx, func(tx *Tx) error {
			_, err := tx.Exec(fmt.Sprintf("DELETE FROM %s WHERE %s", t.name, tx.engine.among("id", 1)), tx.engine.idList(ids))
			return err
		})
	}}
	err = t.compare(ctx, source, c.to.readers, func(_, old []any) error {
		if old == nil {
			return nil
		}
		return batch.add(old)
	})
	if err == nil {
		err = batch.flush()
	}
	return batch.found, err
}

// addMissing adds the source's rows that the target does not have.
func (c *copying) addMissing(ctx context.Context, source querier, t *copiedTable) (found bool, err error) {
	batch := rowBatch{do: func(rows [][]any) error {
		if err := c.at("adding to " + t.name); err != nil {
			return err
		}
		return c.to.Write(ctx, func(tx *Tx) error { return t.insert(tx, rows, "") })
	}}
	err = t.compare(ctx, source, c.to.readers, func(row, old []any) error {
		if old != nil {
			return nil // it was changed since it was looked at: the next look sees it
		}
		return batch.add(row)
	})
	if err == nil {
		err = batch.flush()
	}
	return batch.found, err
}

// insert stores rows as they are.
func (t *copiedTable) insert(tx *Tx, rows [][]any, conflict string) error {
	if tx.engine.shared {
		for _, row := range rows {
			for i, value := range row {
				if b, ok := value.(bool); ok {
					row[i] = strconv.FormatBool(b)
				}
			}
		}
		_, err := tx.Exec(insertManySQL(t.name, t.columns)+" "+conflict, bulkArgs(rows)...)
		return translate(err)
	}
	insert, err := tx.Prepare(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) %s",
		t.name, strings.Join(t.names(), ", "), placeholders(1, len(t.columns)), conflict))
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, row := range rows {
		if _, err := insert.Exec(row...); err != nil {
			return translate(err)
		}
	}
	return nil
}
