//go:build !unix

package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// doubtful says whether to ask the server if a connection still stands before
// it is used again.
func doubtful(_ context.Context, p stdlib.ShouldPingParams) bool {
	return p.IdleDuration > time.Second
}
