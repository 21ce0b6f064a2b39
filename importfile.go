package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/llmtally/llmtally/http/ingest"
	"github.com/llmtally/llmtally/store"
)

// openFile opens a file to import, and tells its size.
func openFile(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	stat, err := f.Stat()
	if err == nil && stat.IsDir() {
		err = errors.New("it is a folder, not a file")
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, stat.Size(), nil
}

// reader returns the rows of a file in its format.
func (c *importCommand) reader(path string, packed io.Reader) (rowReader, error) {
	plain := bufio.NewReaderSize(packed, 256<<10)
	ending := strings.ToLower(filepath.Ext(path))
	if ending == ".gz" || ending == ".zst" {
		unpacked, err := unpack(ending, plain)
		if err != nil {
			return nil, err
		}
		plain = bufio.NewReaderSize(unpacked, 256<<10)
	}
	format := c.Format
	if format == "auto" {
		format = formatOf(plain)
	}
	if format == "csv" {
		return newCSVRows(plain)
	}
	return &jsonRows{rows: ingest.NewRows(plain, math.MaxInt32, 0)}, nil
}

func unpack(ending string, packed io.Reader) (io.Reader, error) {
	if ending == ".gz" {
		return gzip.NewReader(packed)
	}
	return zstd.NewReader(packed, zstd.WithDecoderConcurrency(1))
}

// formatOf looks at the first byte: JSON begins with a bracket, a CSV header
// does not.
func formatOf(r *bufio.Reader) string {
	start, _ := r.Peek(512) // an error shows again when the rows are read
	start = bytes.TrimLeft(bytes.TrimPrefix(start, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		return "ndjson"
	}
	return "csv"
}

// jsonRows reads what POST /v1/logs reads.
type jsonRows struct {
	rows  *ingest.Rows
	index int
}

func (j *jsonRows) next() (importedRow, error) {
	log, err := j.rows.Next()
	var refused *ingest.Refused
	if err != nil && !errors.As(err, &refused) {
		return importedRow{}, err
	}
	j.index++
	if refused != nil {
		return importedRow{}, &rowFault{j.index, refused.Reason}
	}
	return importedRow{log: log, line: j.index, raw: j.rows.Raw()}, nil
}

// csvRows reads CSV whose header names columns of request_logs, or those of the
// Azure LLM inference trace.
type csvRows struct {
	r       *csv.Reader
	columns []store.LogColumn
	known   []bool
}

// traceColumns are the names in the Azure LLM inference trace of 2023.
var traceColumns = map[string]store.LogColumn{
	"TIMESTAMP":       store.ColCreatedAt,
	"ContextTokens":   store.ColPromptTokens,
	"GeneratedTokens": store.ColCompletionTokens,
}

func newCSVRows(r io.Reader) (*csvRows, error) {
	reader := csv.NewReader(r)
	reader.ReuseRecord = true
	reader.LazyQuotes = false
	header, err := reader.Read()
	if err == io.EOF {
		return nil, errors.New("the file is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	c := &csvRows{r: reader, columns: make([]store.LogColumn, len(header)), known: make([]bool, len(header))}
	for i, name := range header {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		column, ok := traceColumns[name]
		if !ok {
			column, ok = store.LogColumnNamed(name)
		}
		c.columns[i], c.known[i] = column, ok && column != store.ColID
	}
	if !slices.Contains(c.known, true) {
		return nil, fmt.Errorf("the header %q names no column of request_logs", header)
	}
	return c, nil
}

func (c *csvRows) next() (importedRow, error) {
	record, err := c.r.Read()
	if err == io.EOF {
		return importedRow{}, err
	}
	line, _ := c.r.FieldPos(0)
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return importedRow{}, &rowFault{parse.StartLine, parse.Err}
	}
	if err != nil {
		return importedRow{}, err
	}
	row := importedRow{line: line}
	for i, cell := range record {
		row.raw = append(append(row.raw, cell...), 0)
		if !c.known[i] || cell == "" {
			continue
		}
		if err := row.log.SetText(c.columns[i], cell); err != nil {
			return row, &rowFault{line, err}
		}
	}
	return row, nil
}
