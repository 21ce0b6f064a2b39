package price_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/storetest"
)

var update = flag.Bool("update", false, "write prices.jsonl from the data file of genai-prices")

// The data file that prices.jsonl is made of: prices/new_data/v2/data_slim.json
// of genai-prices. Whoever takes over a newer one says here which it is.
const (
	dataFile   = "../../../shared/data/genai-prices.json"
	dataSHA256 = "ac1aba22231146c98fbdf57b8f1fc25098c1c85db544cdeca6a0fcc1fd3293e4"
	dataCommit = "47df840a5ab10bbcffb8e5ac01b9899032245d1b"
	dataDate   = "2026-08-21"
)

// tableHead is the first line of prices.jsonl.
type tableHead struct {
	Table   string `json:"table"`
	Format  int    `json:"format"`
	Origin  string `json:"origin"`
	Path    string `json:"path"`
	Commit  string `json:"commit"`
	Date    string `json:"date"`
	Licence string `json:"licence"`
	Units   string `json:"units"`
}

type tableProvider struct {
	Provider  string          `json:"provider"`
	Name      string          `json:"name"`
	Match     json.RawMessage `json:"match,omitempty"`
	Models    json.RawMessage `json:"models,omitempty"`
	Fallbacks []string        `json:"fallbacks,omitempty"`
}

type tableModel struct {
	Model      string       `json:"model"`
	Match      price.Match  `json:"match"`
	Window     int64        `json:"window,omitempty"`
	Deprecated bool         `json:"deprecated,omitempty"`
	Prices     []tablePrice `json:"prices"`
}

type tablePrice struct {
	From  string      `json:"from,omitempty"`
	Hours string      `json:"hours,omitempty"`
	Rates price.Rates `json:"rates"`
}

func TestEmbeddedTableIsTheDataFile(t *testing.T) {
	data, err := os.ReadFile(dataFile)
	storetest.Need(t, err == nil, "the data file of genai-prices")
	sum := sha256.Sum256(data)
	require.Equal(t, dataSHA256, hex.EncodeToString(sum[:]), "another data file: say which commit it is of, and its date")

	made := makeTable(t, data)
	if *update {
		require.NoError(t, os.WriteFile("prices.jsonl", made, 0o644))
	}
	written, err := os.ReadFile("prices.jsonl")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(made, written), "prices.jsonl is not what the data file makes: go test ./store/price -run Embedded -update")
}

func makeTable(t *testing.T, data []byte) []byte {
	t.Helper()
	prices, err := price.Read(bytes.NewReader(data))
	require.NoError(t, err)
	var providers []struct {
		ID        string          `json:"id"`
		Name      string          `json:"name"`
		Match     json.RawMessage `json:"provider_match"`
		Models    json.RawMessage `json:"model_match"`
		Fallbacks []string        `json:"fallback_model_providers"`
	}
	require.NoError(t, json.Unmarshal(data, &providers))

	var out bytes.Buffer
	line := func(v any) {
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		require.NoError(t, encoder.Encode(v))
	}
	line(tableHead{
		Table: "prices of large language models", Format: 1,
		Origin: "github.com/pydantic/genai-prices", Path: "prices/new_data/v2/data_slim.json",
		Commit: dataCommit, Date: dataDate, Licence: "MIT, Copyright (c) Pydantic Services Inc.",
		Units: "USD per million tokens; web_searches and requests: USD per thousand; from, hours: UTC",
	})
	for _, p := range providers {
		line(tableProvider{p.ID, p.Name, p.Match, p.Models, p.Fallbacks})
		ofProvider := slices.Collect(func(yield func(price.Price) bool) {
			for _, q := range prices {
				if q.Provider == p.ID && !yield(q) {
					return
				}
			}
		})
		for len(ofProvider) > 0 {
			m := ofProvider[0]
			model := tableModel{Model: m.Model, Match: m.Match, Window: m.ContextWindow, Deprecated: m.Deprecated}
			for len(ofProvider) > 0 && ofProvider[0].Model == m.Model {
				q := ofProvider[0]
				p := tablePrice{Rates: q.Rates}
				if q.Hours != nil {
					p.Hours = q.Hours.String()
				}
				if !q.From.IsZero() {
					p.From = q.From.Format(time.RFC3339)
				}
				model.Prices, ofProvider = append(model.Prices, p), ofProvider[1:]
			}
			line(model)
		}
	}
	return out.Bytes()
}
