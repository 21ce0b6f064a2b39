package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/llmtally/llmtally/store/storetest"
)

// terminal returns both ends of a terminal: what a program writes to, and where
// a person reads it.
func terminal(t *testing.T) (program, person *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	storetest.Need(t, err == nil, "a terminal (/dev/ptmx)")
	t.Cleanup(func() { person.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { program.Close() })
	return program, person
}

func TestTheLinkThatServeShowsSignsInOnce(t *testing.T) {
	t.Run("at a terminal", func(t *testing.T) {
		program, person := terminal(t)
		requireLink(t, program, bufio.NewScanner(person))
	})
	t.Run("in a container's or a service's log, without the keys", func(t *testing.T) {
		reader, writer, err := os.Pipe()
		require.NoError(t, err)
		defer reader.Close()
		lines := bufio.NewScanner(reader)
		shown := requireLink(t, writer, lines)
		require.NoError(t, writer.Close())
		for lines.Scan() {
			shown += lines.Text() + "\n"
		}
		assert.Contains(t, shown, "llmtally keys")
		assert.NotContains(t, shown, "eyJ", "keys are JSON Web Tokens")
	})
}

// requireLink serves, requires that the link shown works once, and returns what
// was shown by then.
func requireLink(t *testing.T, program *os.File, lines *bufio.Scanner) (shown string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"serve", "--addr", "127.0.0.1:0", "--db", filepath.Join(t.TempDir(), "a.db")}, func(string) string { return "" }, program)
	}()
	var link string
	for link == "" && lines.Scan() {
		shown += lines.Text() + "\n"
		link = regexp.MustCompile(`http://\S+/signin\?code=\S+`).FindString(lines.Text())
	}
	require.NotEmpty(t, link)
	for _, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		answer, err := http.Get(link)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, want, answer.StatusCode)
		assert.Equal(t, want == http.StatusOK, len(answer.Cookies()) == 1)
	}
	stop()
	require.NoError(t, <-done)
	return shown
}
