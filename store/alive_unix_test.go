//go:build unix

package store

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAConnectionIsDoubtfulOnceItsOtherEndIsGone(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	here, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	defer here.Close()
	there, err := listener.Accept()
	require.NoError(t, err)
	ahead := make(chan error, 1)
	go func() { // as pgx does
		_, err := here.Read(make([]byte, 1))
		ahead <- err
	}()
	assert.True(t, silent(here))

	require.NoError(t, there.Close())
	// The end has arrived when a read, which waits for it, says so.
	require.Error(t, <-ahead)
	assert.False(t, silent(here))
}
