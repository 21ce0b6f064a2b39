-- What the program does by the clock, and how it went last.

-- +goose Up
CREATE TABLE jobs (
    name             TEXT    NOT NULL PRIMARY KEY,
    schedule         TEXT    NOT NULL,
    purpose          TEXT    NOT NULL,
    next_run_at      TEXT,
    last_started_at  TEXT,
    last_duration_us INTEGER,
    last_result      TEXT, -- running, ok, failed or panicked
    last_message     TEXT  -- what it did, or why it failed
) STRICT;

-- +goose Down
DROP TABLE jobs;
