-- Sessions of the dashboard that were signed out before their time was over.

-- +goose Up
CREATE TABLE ended_sessions (
    id    TEXT NOT NULL PRIMARY KEY,
    until TEXT NOT NULL -- when it would have ended by itself
) STRICT;

-- +goose Down
DROP TABLE ended_sessions;
