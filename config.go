package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// settings answer for flags that are not on the command line: by a variable,
// else from the YAML file.
type settings struct {
	getenv func(string) string
	path   string
	file   map[string]any
}

// loadSettings reads the file that --config or LLMTALLY_CONFIG names.
func loadSettings(args []string, getenv func(string) string) (*settings, error) {
	s := &settings{getenv: getenv, path: configPath(args, getenv)}
	if s.path == "" {
		return s, nil
	}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the settings file %s does not exist", s.path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w", err)
	}
	raw := map[string]any{}
	if err := yaml.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("reading %s: %w", s.path, err)
	}
	s.file = make(map[string]any, len(raw))
	for key, value := range raw {
		s.file[strings.ReplaceAll(key, "_", "-")] = value
	}
	return s, nil
}

func configPath(args []string, getenv func(string) string) string {
	for i, arg := range args {
		if path, ok := strings.CutPrefix(arg, "--config="); ok {
			return path
		}
		if arg == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return getenv("LLMTALLY_CONFIG")
}

// Validate satisfies kong.Resolver; the names are checked by unknown, when all
// commands' flags are known.
func (s *settings) Validate(*kong.Application) error { return nil }

// Resolve satisfies kong.Resolver: the value of a flag, or nil.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if value := s.getenv(variable(flag.Name)); value != "" {
		return value, nil
	}
	switch value := s.file[flag.Name].(type) {
	case nil:
		return nil, nil
	case []any:
		texts := make([]string, len(value))
		for i, item := range value {
			texts[i] = fmt.Sprint(item)
		}
		return strings.Join(texts, ","), nil
	default:
		return fmt.Sprint(value), nil
	}
}

func variable(flag string) string {
	return "LLMTALLY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// unknown refuses a file with a key that no command has a flag for: most likely
// a slip of the pen.
func (s *settings) unknown(app *kong.Application) error {
	known := map[string]bool{}
	for _, flags := range app.AllFlags(false) {
		for _, f := range flags {
			known[f.Name] = true
		}
	}
	note := func(n *kong.Node) {
		for _, f := range n.Flags {
			known[f.Name] = true
		}
	}
	for _, command := range app.Children {
		note(command)
		for _, part := range command.Children {
			note(part)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.file)) {
		if !known[key] {
			return fmt.Errorf("%s: there is no setting %q", s.path, key)
		}
	}
	return nil
}
