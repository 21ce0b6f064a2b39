package main

import (
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/llmtally/llmtally"

// rooms lists which of our packages each package may import: the rooms of the
// house, and within http and store who stands on whom. A package that is not
// here fails the test: add it where it belongs.
var rooms = map[string][]string{
	".": {
		"http", "http/auth", "http/dashboard", "http/ingest", "http/rest", "http/v1", "jobs", "jobs/notify",
		"store", "store/price", "policy",
	},

	"http": {
		"http/auth", "http/dashboard", "http/ingest", "http/problem", "http/record", "http/rest", "http/v1",
		"store", "policy",
	},
	"http/v1": {"http/auth", "http/problem", "http/record", "store", "store/price", "policy"},
	"http/ingest": {
		"http/auth", "http/body", "http/ingest/otlp", "http/problem", "http/record",
		"store", "store/query", "store/rawjson", "store/usage", "policy",
	},
	"http/ingest/otlp": {"http/problem", "store", "store/rawjson", "store/usage"},

	"http/auth":    {"http/record", "policy"},
	"http/problem": {"store", "policy"},
	"http/record":  {"policy"},

	"http/rest": {
		"http/auth", "http/body", "http/problem", "http/record", "http/rest/parse",
		"store", "store/query", "store/rawjson", "policy",
	},
	"http/rest/parse": {},

	"http/dashboard": {
		"http/auth", "http/dashboard/chart", "http/dashboard/conversation", "http/problem", "http/record",
		"store", "store/advice", "store/price", "policy",
	},
	"http/dashboard/browser":      {},
	"http/dashboard/chart":        {},
	"http/dashboard/conversation": {},

	"http/body": {},

	"jobs":        {"jobs/notify", "store", "policy"},
	"jobs/notify": {},

	"store":           {"store/advice", "store/price", "store/query", "store/rawjson", "store/usage", "policy", "migrations"},
	"store/advice":    {"store/price"},
	"store/price":     {},
	"store/query":     {"policy"},
	"store/usage":     {"store/rawjson"},
	"store/rawjson":   {},
	"store/storetest": {"store", "policy"},

	"policy":     {},
	"migrations": {},
}

// freeOfLibraries need nothing but the standard library.
var freeOfLibraries = []string{
	"policy", "migrations", "store/advice", "store/price", "store/query", "store/rawjson", "store/usage", "http/rest/parse",
	"http/dashboard/chart", "http/dashboard/conversation",
}

func TestPackagesImportOnlyWhatTheHousePlanAllows(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		name := roomOf(p.ImportPath)
		allowed, known := rooms[name]
		if !assert.True(t, known, "%s has no place in the plan", name) {
			continue
		}
		for _, path := range p.Imports {
			if path == module || strings.HasPrefix(path, module+"/") {
				assert.Contains(t, allowed, roomOf(path), "%s must not import %s", name, path)
				continue
			}
			if slices.Contains(freeOfLibraries, name) {
				assert.NotContains(t, strings.Split(path, "/")[0], ".", "%s must not import the library %s", name, path)
			}
		}
	}
}

func TestFilesStayReadable(t *testing.T) {
	t.Parallel()
	var source []int
	for _, p := range listPackages(t) {
		for _, file := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			lines := countLines(t, filepath.Join(p.Dir, file))
			assert.LessOrEqual(t, lines, 500, "%s in %s holds more than one idea", file, p.Dir)
			if slices.Contains(p.GoFiles, file) {
				source = append(source, lines)
			}
		}
	}
	slices.Sort(source)
	assert.LessOrEqual(t, source[len(source)/2], 150, "the median of a source file's lines")
}

type goPackage struct {
	ImportPath, Dir                             string
	Imports, GoFiles, TestGoFiles, XTestGoFiles []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json", "./...").Output()
	require.NoError(t, err)
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if err == io.EOF {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

func roomOf(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}
