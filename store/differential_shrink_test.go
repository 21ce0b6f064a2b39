package store_test

import (
	"fmt"
	"slices"
	"time"
)

// A finding is what a require.TestingT was told of a program that failed.
type finding struct {
	text  string
	after int // statements
}

// Errorf takes the text of a failure.
func (f *finding) Errorf(format string, args ...any) { f.text = fmt.Sprintf(format, args...) }

// FailNow ends the program.
func (f *finding) FailNow() { panic(f) }

// shrink returns the text of a program as short as it can be made in a while that
// fails, too, and how it does. It takes out whole statements, and then parts of
// those that are left: rapid, which knows nothing of statements, takes long for
// that.
func shrink(p diffProgram, found *finding, run func(diffProgram) *finding) string {
	until := time.Now().Add(time.Minute)
	p = p[:found.after]
	try := func(shorter diffProgram) bool {
		if time.Now().After(until) {
			return false
		}
		again := run(shorter)
		if again != nil {
			p, found = shorter, again
		}
		return again != nil
	}
	for n := len(p); n > 0; n /= 2 {
		for from := len(p) - n; from >= 0; from = min(from, len(p)) - n {
			try(slices.Delete(slices.Clone(p), from, from+n))
		}
	}
	for i := len(p) - 1; i >= 0; i-- {
		for shorter := true; shorter; {
			shorter = slices.ContainsFunc(p[i].parts(), func(s statement) bool {
				changed := slices.Clone(p)
				changed[i] = s
				return try(changed)
			})
		}
	}
	return p.String() + "\n" + found.text
}

// parts returns the statement with one thing less each.
func (s statement) parts() (all []statement) {
	if s.Show || s.Undo {
		less := s
		less.Show, less.Undo = false, false
		all = append(all, less)
	}
	for i := range s.Where {
		less := s
		less.Where = slices.Delete(slices.Clone(s.Where), i, i+1)
		all = append(all, less)
	}
	if len(s.Rows) > 1 {
		for i := range s.Rows {
			less := s
			less.Rows = slices.Delete(slices.Clone(s.Rows), i, i+1)
			all = append(all, less)
		}
	}
	if !s.writes() || len(s.Columns) < 2 {
		return all
	}
	for i, column := range s.Columns {
		if slices.Contains(toldColumns["insert "+s.On], column) || slices.Contains(tokenColumns, column) {
			continue
		}
		less := s
		less.Columns = slices.Delete(slices.Clone(s.Columns), i, i+1)
		less.Rows = nil
		for _, row := range s.Rows {
			less.Rows = append(less.Rows, slices.Delete(slices.Clone(row), i, i+1))
		}
		all = append(all, less)
	}
	return all
}
