package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// A wire is a TCP proxy before a PostgreSQL server that can be cut.
type wire struct {
	t       testing.TB
	server  string // its socket
	address string

	mu    sync.Mutex
	cut   func(w *wire, client, server net.Conn, commit []byte) // at the next commit; nil: let it through
	alive []net.Conn
}

func newWire(t testing.TB, address string) *wire {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{t: t, server: filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")}
	u.Host, u.RawQuery = listener.Addr().String(), "sslmode=disable&idle_in_transaction_session_timeout=1s"
	w.address = u.String()
	t.Cleanup(func() {
		listener.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, conn := range w.alive {
			conn.Close()
		}
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go w.carry(client)
		}
	}()
	return w
}

func (w *wire) carry(client net.Conn) {
	server, err := net.Dial("unix", w.server)
	if err != nil {
		client.Close()
		return
	}
	w.mu.Lock()
	w.alive = append(w.alive, client, server)
	w.mu.Unlock()
	go func() {
		_, _ = io.Copy(client, server) // until one of them is closed
		client.Close()
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			server.Close()
			return
		}
		if cut := w.cutNow(buffer[:n]); cut != nil {
			cut(w, client, server, buffer[:n])
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			client.Close()
			return
		}
	}
}

// cutNow returns what is to be done to a commit, once.
func (w *wire) cutNow(sent []byte) (cut func(w *wire, client, server net.Conn, commit []byte)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !bytes.Contains(sent, []byte("commit\x00")) {
		return nil
	}
	cut, w.cut = w.cut, nil
	return cut
}

func (w *wire) atNextCommit(cut func(w *wire, client, server net.Conn, commit []byte)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
}

// cuts are the ways to lose a connection about a commit.
var cuts = map[string]func(w *wire, client, server net.Conn, commit []byte){
	"before it reaches the server": func(_ *wire, client, server net.Conn, _ []byte) {
		client.Close()
		server.Close()
	},
	"after it has reached the server": func(w *wire, client, server net.Conn, commit []byte) {
		client.Close()
		_, err := server.Write(commit)
		assert.NoError(w.t, err)
		server.Close()
	},
	"while the server is at it": func(w *wire, client, server net.Conn, commit []byte) {
		client.Close()
		time.Sleep(50 * time.Millisecond) // while the client asks already what became of it
		_, err := server.Write(commit)
		assert.NoError(w.t, err)
	},
	"and the server does not notice": func(_ *wire, client, _ net.Conn, _ []byte) {
		client.Close() // the server waits for a client in a transaction, until its patience ends
	},
}

func TestALostConnectionAboutACommitNeitherLosesNorDoublesLogs(t *testing.T) {
	t.Parallel()
	for where, cut := range cuts {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			plain := storetest.Postgres(t)
			w := newWire(t, plain)
			db, err := store.Open(t.Context(), w.address, store.Options{AutoCreateUsers: true})
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()
			for round := range 3 {
				w.atNextCommit(cut)
				verdicts, err := db.Append(context.Background(), policy.System(), // without call ids
					storetest.Log(t, fmt.Sprintf(`{"end_user":"ann","model":"m%d","tokens_used":1}`, round)),
					storetest.Log(t, fmt.Sprintf(`{"model":"m%d","tokens_used":1}`, round)))
				require.NoError(t, err)
				for _, v := range verdicts {
					require.NoError(t, v.Err)
					assert.NotZero(t, v.ID)
				}
			}
			var logs, different int
			require.NoError(t, storetest.SQL(t, plain).QueryRow(
				"SELECT count(*), count(DISTINCT (model, user_profile_id)) FROM request_logs").Scan(&logs, &different))
			assert.Equal(t, 6, logs)
			assert.Equal(t, 6, different)
			storetest.RequireClean(t, db)
		})
	}
}

func TestAJobWhoseCommitWasLostRunsOnceMoreOrNot(t *testing.T) {
	t.Parallel()
	for where, cut := range cuts {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			plain := storetest.Postgres(t)
			w := newWire(t, plain)
			db, err := store.Open(t.Context(), w.address, store.Options{})
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()
			w.atNextCommit(cut)
			require.NoError(t, db.Write(context.Background(), func(tx *store.Tx) error {
				_, err := tx.Exec("INSERT INTO user_profiles (user_id) VALUES ('u' || (SELECT count(*) FROM user_profiles))")
				return err
			}))
			var users int
			require.NoError(t, storetest.SQL(t, plain).QueryRow("SELECT count(*) FROM user_profiles").Scan(&users))
			assert.Equal(t, 1, users)
		})
	}
}

func TestTheMarksOfCommitsDoNotPileUp(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	marks := func() (n int) {
		require.NoError(t, storetest.SQL(t, address).QueryRow("SELECT count(*) FROM book_state WHERE name LIKE 'writer %'").Scan(&n))
		return n
	}
	before := marks()
	for range 3 {
		db, err := store.Open(t.Context(), address, store.Options{AutoCreateUsers: true})
		require.NoError(t, err)
		storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
		assert.Equal(t, before+1, marks(), "while it is open, one")
		require.NoError(t, db.Close())
	}
	assert.Equal(t, before, marks())
}
