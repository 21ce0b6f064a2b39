package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

type importCommand struct {
	databaseFlags
	Files           []string `arg:"" name:"file" help:"Files to import: NDJSON, a JSON array, or CSV with a header; also packed as .gz or .zst."`
	Format          string   `help:"What the files are: ndjson (a JSON array too) or csv." enum:"auto,ndjson,csv" default:"auto"`
	User            string   `help:"The user of logs that name none." placeholder:"ID"`
	Model           string   `help:"The model of logs that name none." placeholder:"NAME"`
	AutoCreateUsers bool     `help:"Make a profile for each new user." default:"true" negatable:""`
}

// importBatch is how many logs are stored in one go.
const importBatch = 1000

// shownRefusals bounds how many refused rows are printed.
const shownRefusals = 20

func (c *importCommand) Run(p *process) (err error) {
	db, err := c.open(p, c.AutoCreateUsers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	run := importRun{command: c, process: p, db: db, begin: time.Now()}
	for _, path := range c.Files {
		if err := run.file(path); err != nil {
			return fmt.Errorf("importing %s: %w", path, err)
		}
	}
	return run.summarise()
}

// An importRun counts what became of the rows.
type importRun struct {
	command *importCommand
	process *process
	db      *store.DB
	begin   time.Time

	stored, duplicates, refused int

	name  string // of the file, without its folder
	batch []store.Log
	lines []int // of the batch's rows
}

// A rowReader reads the rows of a file. Its errors are *rowFault when they are
// about one row, and io.EOF at the end.
type rowReader interface {
	next() (row importedRow, err error)
}

// An importedRow is a log, where it stood, and what stood there.
type importedRow struct {
	log  store.Log
	line int
	raw  []byte
}

// A rowFault is what is wrong with one row.
type rowFault struct {
	line   int
	reason error
}

func (e *rowFault) Error() string { return fmt.Sprintf("row %d: %v", e.line, e.reason) }

func (r *importRun) file(path string) error {
	r.name = filepath.Base(path)
	f, size, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	bar := progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(r.process.stderr), progressbar.OptionSetVisibility(isTerminal(r.process.stderr)),
		progressbar.OptionSetDescription(r.name), progressbar.OptionShowBytes(true),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish())
	tracked := progressbar.NewReader(f, bar)
	rows, err := r.command.reader(path, &tracked)
	if err != nil {
		return err
	}
	if err := r.rows(rows); err != nil {
		return err
	}
	return bar.Finish()
}

func (r *importRun) rows(rows rowReader) error {
	for {
		if err := r.process.ctx.Err(); err != nil {
			return fmt.Errorf("stopped; the same command goes on from here: %w", context.Cause(r.process.ctx))
		}
		row, err := rows.next()
		var fault *rowFault
		switch {
		case err == io.EOF:
			return r.flush()
		case errors.As(err, &fault):
			r.refuse(fault.line, fault.reason)
			continue
		case err != nil:
			return errors.Join(r.flush(), err)
		}
		if err := r.complete(&row); err != nil {
			r.refuse(row.line, err)
			continue
		}
		r.batch = append(r.batch, row.log)
		r.lines = append(r.lines, row.line)
		if len(r.batch) == importBatch {
			if err := r.flush(); err != nil {
				return err
			}
		}
	}
}

// complete gives the row what the file lacks: a status, the user and model of
// the command line, and a call id, so that importing again changes nothing.
func (r *importRun) complete(row *importedRow) error {
	l := &row.log
	var errs []error
	set := func(c store.LogColumn, value string) { errs = append(errs, l.SetText(c, value)) }
	if l.Status == "" {
		set(store.ColStatus, store.StatusSuccess)
	}
	if r.command.User != "" && l.UserProfileID == "" && l.EndUser == "" {
		set(store.ColUserProfileID, r.command.User)
	}
	if r.command.Model != "" && l.Model == "" {
		set(store.ColModel, r.command.Model)
	}
	if l.CallID == "" {
		set(store.ColCallID, r.callID(row))
	}
	return errors.Join(errs...)
}

// callID derives an id from the file's name, the row's place and text, and what
// the command line adds to it. A file that has grown keeps the ids of its rows.
func (r *importRun) callID(row *importedRow) string {
	h := sha256.New()
	for _, part := range []string{r.name, strconv.Itoa(row.line), r.command.User, r.command.Model} {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	h.Write(row.raw)
	return "import-" + hex.EncodeToString(h.Sum(nil)[:16])
}

func (r *importRun) flush() error {
	if len(r.batch) == 0 {
		return nil
	}
	verdicts, err := r.db.Append(r.process.ctx, policy.System(), r.batch...)
	if err != nil {
		return err
	}
	for i, v := range verdicts {
		switch {
		case v.Err != nil:
			r.refuse(r.lines[i], v.Err)
		case v.Duplicate:
			r.duplicates++
		default:
			r.stored++
		}
	}
	r.batch, r.lines = nil, nil
	return nil
}

func (r *importRun) refuse(line int, reason error) {
	if r.refused++; r.refused <= shownRefusals {
		fmt.Fprintf(r.process.stderr, "%s, row %d: %v\n", r.name, line, reason)
	}
}

func (r *importRun) summarise() error {
	took := time.Since(r.begin)
	total := r.stored + r.duplicates + r.refused
	fmt.Fprintf(r.process.stdout, "%d rows in %s (%.0f/s): %d stored, %d were there already, %d refused\n",
		total, took.Round(time.Millisecond), float64(total)/took.Seconds(), r.stored, r.duplicates, r.refused)
	if r.refused > 0 {
		return fmt.Errorf("%d rows were refused", r.refused)
	}
	return nil
}
