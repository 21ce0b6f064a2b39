-- What the program does by the clock, and how it went last.

-- +goose Up
CREATE TABLE jobs (
    name             text COLLATE "C" NOT NULL PRIMARY KEY,
    schedule         text NOT NULL,
    purpose          text NOT NULL,
    next_run_at      timestamptz,
    last_started_at  timestamptz,
    last_duration_us bigint,
    last_result      text, -- running, ok, failed or panicked
    last_message     text  -- what it did, or why it failed
);

SELECT protect('jobs');

-- +goose Down
DROP TABLE jobs;
