//go:build linux

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// limitFiles lets the process's files grow to that many bytes and no further:
// to SQLite this looks like a disk that is full.
func limitFiles(t *testing.T, pid int, bytes uint64) {
	t.Helper()
	limit := unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil))
}

func TestAFullDiskLosesNothingAndServiceResumes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "llmtally.db")
	s := startServer(t, path)
	var acked []string
	send := func(i int) int {
		call, status, err := ackedBy(s, i)
		require.NoError(t, err, "status %d", status)
		if status == http.StatusCreated {
			acked = append(acked, call)
		}
		return status
	}
	for i := range 20 {
		require.Equal(t, http.StatusCreated, send(i))
	}

	wal, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	limitFiles(t, s.cmd.Process.Pid, uint64(wal.Size())+200<<10)
	refused := 0
	for i := 20; refused < 5 && i < 2000; i++ {
		if send(i) != http.StatusCreated {
			refused++
		}
	}
	require.Equal(t, 5, refused, "a full disk is told")
	status, answer := s.post(`{"end_user":"ann","model":"m"}`)
	require.Equal(t, http.StatusInsufficientStorage, status)
	assert.Contains(t, answer, "the disk is full")
	assert.NotContains(t, answer, path, "a path of the machine is not for clients")

	status, retryAfter, answer := s.trace("a-span", "user.id", "ann")
	require.Equal(t, http.StatusServiceUnavailable, status, "OpenTelemetry's exporters know no 507, and would drop their spans")
	assert.Equal(t, "30", retryAfter)
	assert.Contains(t, answer, "the disk is full")

	var analytics struct {
		TotalRequests int `json:"total_requests"`
	}
	require.Equal(t, http.StatusOK, s.get("/v1/users/ann/analytics", &analytics), "reads go on")
	assert.Equal(t, len(acked), analytics.TotalRequests)

	limitFiles(t, s.cmd.Process.Pid, unix.RLIM_INFINITY)
	for i := 5000; i < 5020; i++ {
		require.Equal(t, http.StatusCreated, send(i), "service resumes when space returns")
	}
	stored := storedCalls(t, path)
	for _, call := range acked {
		require.Equal(t, 1, stored[call])
	}
	assert.Len(t, stored, len(acked))
	require.Contains(t, runProgram(t, "check", "--db", path).stdout, "clean")
}
