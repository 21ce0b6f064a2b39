-- What failed lately, found without reading what went well.

-- +goose Up
CREATE INDEX request_logs_failures_idx ON request_logs (created_at, id) WHERE status IN ('failure', 'error');

-- +goose Down
DROP INDEX request_logs_failures_idx;
