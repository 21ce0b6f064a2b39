package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What a role, a database or a server is set to may change what SQL means. So
// each connection says itself what it rests on.
var session = map[string]string{
	"timezone":                    "UTC",
	"datestyle":                   "ISO",
	"client_encoding":             "UTF8",
	"standard_conforming_strings": "on",
	"array_nulls":                 "on",
	// nano_usd and micros read the shortest digits of a floating-point number.
	"extra_float_digits": "1",
	// Transactions wait for each other's rows, and then see them.
	"default_transaction_isolation": "read committed",
	"default_transaction_read_only": "off", // see settle
}

// unlessAddressed is what the address may set otherwise. A client that is gone
// without a word, with its machine or its network, would keep its locks for
// hours, and everybody waiting.
var unlessAddressed = map[string]string{
	"application_name":                    "llmtally",
	"statement_timeout":                   "0",
	"lock_timeout":                        "0",
	"idle_in_transaction_session_timeout": "60s",
	"tcp_keepalives_idle":                 "30",
	"tcp_keepalives_interval":             "10",
	"tcp_keepalives_count":                "3",
}

// connectTimeout bounds an attempt to connect, where the address does not.
const connectTimeout = 10 * time.Second

// postgresConfig reads an address.
func postgresConfig(address string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		// The error may hold the password.
		return nil, errors.New("the address cannot be read: give postgres://user:password@host/name, with %40 for an @ in the password (and so on)")
	}
	for name, value := range session {
		setting(config, name, value)
	}
	for name, value := range unlessAddressed {
		if _, named := config.RuntimeParams[name]; !named {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	return config, nil
}

// setting sets what the address may have in other letters.
func setting(config *pgx.ConnConfig, name, value string) {
	for named := range config.RuntimeParams {
		if strings.EqualFold(named, name) {
			delete(config.RuntimeParams, named)
		}
	}
	config.RuntimeParams[name] = value
}

// settle does for a new connection what cannot be said when it is opened: not
// every server knows the timeouts; an address that asks for a server that takes
// writes (target_session_attrs) would find none; only one of the ways not to wait
// for the disk is undone, since others, such as remote_apply, promise more; and
// not every server was built with the faster compression.
func settle(config *pgx.ConnConfig, readOnly bool) func(context.Context, *pgx.Conn) error {
	_, chosen := config.RuntimeParams["synchronous_commit"]
	_, compresses := config.RuntimeParams["default_toast_compression"]
	return func(ctx context.Context, conn *pgx.Conn) error {
		var writer string
		err := conn.QueryRow(ctx, `
			SELECT coalesce(current_setting('llmtally.writer', true), ''),
				set_config('default_transaction_read_only', CASE WHEN $2 THEN 'on' ELSE 'off' END, false)
			FROM (
				SELECT count(set_config(name, CASE name
					WHEN 'synchronous_commit' THEN 'on'
					WHEN 'default_toast_compression' THEN 'lz4'
					ELSE '0'
				END, false))
				FROM pg_settings
				WHERE name IN ('idle_session_timeout', 'transaction_timeout') AND setting <> '0'
					OR name = 'synchronous_commit' AND setting = 'off' AND NOT $1
					OR name = 'default_toast_compression' AND 'lz4' = ANY (enumvals) AND NOT $3
			) AS settled`, chosen, readOnly, compresses).Scan(&writer, nil)
		if err == nil && writer != config.RuntimeParams["llmtally.writer"] {
			err = errPooled
		}
		if err != nil {
			return errors.Join(err, conn.Close(ctx))
		}
		return nil
	}
}

// errPooled speaks of a pooler that takes a connection's settings and does not
// pass them on: every log would count twice.
var errPooled = errors.New("the settings of the connection do not reach PostgreSQL: " + withoutPooler)

const withoutPooler = "connect to the server itself, or through a pooler in session mode that passes startup parameters on"

// connecting explains what keeps a first connection from being made.
func connecting(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && strings.Contains(pg.Message, "unsupported startup parameter") {
		return fmt.Errorf("%w; %s", err, withoutPooler)
	}
	return err
}
