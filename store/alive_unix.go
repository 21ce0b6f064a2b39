//go:build unix

package store

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// doubtful says whether to ask the server if a connection still stands before
// it is used again. After a restart of the server each of a pool's has been
// closed from there, which shows without asking: something waits to be read. A
// network that went away shows nothing, so what lay idle is asked about too.
func doubtful(_ context.Context, p stdlib.ShouldPingParams) bool {
	return p.IdleDuration > time.Second || !silent(p.Conn.PgConn().Conn())
}

// silent says whether nothing at all can be read from a connection, not even
// its end, without reading it.
func silent(conn net.Conn) bool {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	// Not raw.Read: it would wait for pgx, which may be reading ahead.
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && quiet
}
