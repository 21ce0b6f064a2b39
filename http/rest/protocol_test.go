package rest_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

var update = flag.Bool("update", false, "write the expected answers of testdata/protocol anew")

// A protocolCase is one or more requests and their answers, as they stand in
// testdata/protocol:
//
//	== 3 filters/eq is verbatim
//	> GET /request_logs?select=id&model=eq.gpt-4o @ann
//	> Prefer: count=exact
//	+ the body, if any
//	< 200
//	< Content-Range: 0-0/1
//	| the answer's body
//
// Without @ the service role asks. An answer has no headers of those in
// checkedHeaders but the ones shown, and application/json if it has a body.
type protocolCase struct {
	name      string
	comment   []string
	exchanges []exchange
}

type exchange struct {
	method, path, who string
	headers           []string // names and values in turn
	body              string
	want              answer
}

var checkedHeaders = []string{
	"Content-Range", "Preference-Applied", "Location", "Content-Type", "WWW-Authenticate", "Proxy-Status", "Allow",
}

const defaultType = "application/json; charset=utf-8"

// readCases reads a file of cases.
func readCases(t testing.TB, path string) (preamble string, cases []protocolCase) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	preamble, text2, _ := strings.Cut(string(text), "== ")
	for block := range strings.SplitSeq(text2, "\n== ") {
		cases = append(cases, readCase(t, block))
	}
	return preamble, cases
}

func readCase(t testing.TB, block string) (c protocolCase) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(block, "\n"), "\n")
	c.name = lines[0]
	var bodies [][]string
	for _, line := range lines[1:] {
		mark, rest, _ := strings.Cut(line, " ")
		if mark != ">" && len(c.exchanges) == 0 {
			c.comment = append(c.comment, line)
			continue
		}
		last := len(c.exchanges) - 1
		name, value, isHeader := strings.Cut(rest, ": ")
		isHeader = isHeader && !strings.ContainsAny(name, " /")
		switch {
		case mark == ">" && !isHeader:
			c.exchanges = append(c.exchanges, readRequest(rest))
			bodies = append(bodies, nil)
		case mark == ">":
			c.exchanges[last].headers = append(c.exchanges[last].headers, name, value)
		case mark == "+":
			c.exchanges[last].body += rest
		case mark == "<" && isHeader:
			c.exchanges[last].want.header.Set(name, value)
		case mark == "<":
			_, err := fmt.Sscan(rest, &c.exchanges[last].want.status)
			require.NoError(t, err, line)
		case mark == "|":
			bodies[last] = append(bodies[last], rest)
		default:
			require.Empty(t, line, "in %s", c.name)
		}
	}
	for i, b := range bodies {
		c.exchanges[i].want.body = strings.Join(b, "\n")
	}
	return c
}

func readRequest(line string) exchange {
	e := exchange{who: "service", want: answer{header: http.Header{}}}
	e.method, e.path, _ = strings.Cut(line, " ")
	if i := strings.LastIndex(e.path, " @"); i > 0 {
		e.path, e.who = e.path[:i], e.path[i+2:]
	}
	return e
}

// reads says whether the case leaves the rows as they are.
func (c protocolCase) reads() bool {
	return !slices.ContainsFunc(c.exchanges, func(e exchange) bool {
		return e.method != http.MethodGet && e.method != http.MethodHead && !strings.HasPrefix(e.path, "/rpc/")
	})
}

func (e exchange) run(t testing.TB, s *server) answer {
	t.Helper()
	got := s.do(t, e.who, e.method, e.path, e.body, e.headers...)
	if strings.HasPrefix(got.header.Get("Content-Type"), "application/") {
		got.body = strings.TrimSuffix(got.body, "\n")
	}
	return got
}

// shown returns the headers of an answer that testdata shows.
func (e exchange) shown(a answer) map[string]string {
	shown := map[string]string{}
	for _, name := range append(checkedHeaders, "Content-Location") {
		_, wanted := e.want.header[name]
		value := a.header.Get(name)
		switch {
		case value == "", name == "Content-Location" && !wanted, name == "Content-Type" && value == defaultType && a.body != "":
		case name == "Preference-Applied": // a set
			set := strings.Split(value, ", ")
			slices.Sort(set)
			shown[name] = strings.Join(set, ", ")
		default:
			shown[name] = value
		}
	}
	return shown
}

func TestTheProtocol(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/protocol/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	shared := newServer(t)
	for _, path := range files {
		preamble, cases := readCases(t, path)
		if *update {
			writeCases(t, path, preamble, cases, shared)
			continue
		}
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.check(t, shared)
			})
		}
	}
}

// check runs a case: on rows of its own, if it changes them.
func (c protocolCase) check(t *testing.T, shared *server) {
	s := shared
	if !c.reads() {
		s = newServer(t)
	}
	for _, e := range c.exchanges {
		got := e.run(t, s)
		what := e.method + " " + e.path
		assert.Equal(t, e.want.status, got.status, "%s: %s", what, got.body)
		assert.Equal(t, e.shown(e.want), e.shown(got), what)
		assert.Equal(t, e.want.body, got.body, what)
	}
	if s != shared {
		storetest.RequireClean(t, s.db)
	}
}

func writeCases(t *testing.T, path, preamble string, cases []protocolCase, shared *server) {
	var b strings.Builder
	b.WriteString(preamble)
	for i, c := range cases {
		if i > 0 {
			b.WriteByte('\n')
		}
		c.write(t, &b, shared)
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
}

func (c protocolCase) write(t *testing.T, b *strings.Builder, shared *server) {
	fmt.Fprintf(b, "== %s\n", c.name)
	for _, line := range c.comment {
		fmt.Fprintln(b, line)
	}
	s := shared
	if !c.reads() {
		s = newServer(t)
	}
	for _, e := range c.exchanges {
		who := " @" + e.who
		if e.who == "service" {
			who = ""
		}
		fmt.Fprintf(b, "> %s %s%s\n", e.method, e.path, who)
		for i := 0; i < len(e.headers); i += 2 {
			fmt.Fprintf(b, "> %s: %s\n", e.headers[i], e.headers[i+1])
		}
		if e.body != "" {
			fmt.Fprintf(b, "+ %s\n", e.body)
		}
		got := e.run(t, s)
		fmt.Fprintf(b, "< %d\n", got.status)
		shown := e.shown(got)
		for _, name := range append(checkedHeaders, "Content-Location") {
			if value, ok := shown[name]; ok {
				fmt.Fprintf(b, "< %s: %s\n", name, value)
			}
		}
		if got.body == "" {
			continue
		}
		for line := range strings.SplitSeq(got.body, "\n") {
			fmt.Fprintf(b, "| %s\n", line)
		}
	}
}
