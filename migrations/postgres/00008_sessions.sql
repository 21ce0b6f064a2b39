-- Sessions of the dashboard that were signed out before their time was over.

-- +goose Up
CREATE TABLE ended_sessions (
    id    text COLLATE "C" NOT NULL PRIMARY KEY,
    until timestamptz NOT NULL -- when it would have ended by itself
);

SELECT protect('ended_sessions');

-- +goose Down
DROP TABLE ended_sessions;
