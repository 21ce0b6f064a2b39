package price_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/storetest"
)

const genaiFile = `[
	{"id":"acme","name":"Acme","api_pattern":"https://acme","description":"more than is needed","models":[
		{"id":"one","name":"One","match":{"starts_with":"one"},"context_window":1000,"deprecated":true,"prices_checked":"2025-01-01",
			"prices":{"input_mtok":1.5,"output_mtok":{"base":2,"tiers":[{"start":1000,"price":4},{"start":100,"price":3}]},
				"web_searches_kcount":10,"requests_kcount":5,"audio_hours":3,"input_text_mtok":null,"cache_read_mtok":null}},
		{"id":"two","match":{"equals":"two"},"prices":[
			{"prices":{"input_mtok":1}},
			{"constraint":{"start_date":"2025-06-10"},"prices":{"input_mtok":2}},
			{"constraint":{"type":"time_of_date","start_time":"00:30:00Z","end_time":"16:30:00Z"},"prices":{"input_mtok":3}}]},
		{"id":"for-nothing","match":{"equals":"for-nothing"},"prices":{}},
		{"id":"plain","prices":{"input_mtok":7}}]},
	{"id":"empty","models":[]}
]`

func TestGenaiPricesFileIsRead(t *testing.T) {
	t.Parallel()
	want := []string{
		`{"source":"import","provider":"acme","model":"one","match":{"starts_with":"one"},"rates":{"input":1.5,"output":{"base":2,"tiers":[{"above":100,"price":3},{"above":1000,"price":4}]},"web_searches":10,"requests":5},"context_window":1000,"deprecated":true}`,
		`{"source":"import","provider":"acme","model":"two","match":{"equals":"two"},"rates":{"input":1}}`,
		`{"source":"import","provider":"acme","model":"two","match":{"equals":"two"},"from":"2025-06-10T00:00:00Z","rates":{"input":2}}`,
		`{"source":"import","provider":"acme","model":"two","match":{"equals":"two"},"hours":{"from":"00:30","to":"16:30"},"rates":{"input":3}}`,
		`{"source":"import","provider":"acme","model":"plain","match":{"equals":"plain"},"rates":{"input":7}}`,
	}
	for _, file := range []string{genaiFile, "\ufeff \n" + genaiFile, `{"providers":` + genaiFile + `}`} {
		prices, err := price.Read(iotest.OneByteReader(strings.NewReader(file)))
		require.NoError(t, err)
		var got []string
		for _, p := range prices {
			text, err := json.Marshal(p)
			require.NoError(t, err)
			got = append(got, string(text))
		}
		assert.Equal(t, want, got)
	}
}

func TestTheWholeDataFileIsAnImportOfTheShippedPrices(t *testing.T) {
	t.Parallel()
	file, err := os.Open(dataFile)
	storetest.Need(t, err == nil, "the data file of genai-prices")
	defer file.Close()
	imported, err := price.Read(file)
	require.NoError(t, err)
	shipped := price.Shipped()
	require.Len(t, imported, len(shipped))
	for i, p := range shipped {
		p.Source = price.SourceImport
		assert.Equal(t, p, imported[i])
	}
}

func TestAFaultInGenaiPricesFileIsNamed(t *testing.T) {
	t.Parallel()
	for file, reason := range map[string]string{
		`[{"models":[]}]`:                                                "a provider has no id",
		`[{"id":"a","models":[{"prices":{}}]}]`:                          `model "" of "a": it has no id`,
		`[{"id":"a","models":[{"id":"m","prices":{"input_mtok":-1}}]}]`:  `model "m" of "a": the price of input: the price "-1": a price cannot be negative`,
		`[{"id":"a","models":[{"id":"m","prices":{"input_mtok":"1"}}]}]`: "not a decimal number",
		`[{"id":"a","models":[{"id":"m","prices":{"input_mtok":{"base":1,"tiers":[{"start":1,"price":-1}]}}}]}]`:        "cannot be negative",
		`[{"id":"a","models":[{"id":"m","prices":{"input_mtok":{"tiers":[]}}}]}]`:                                       "not a decimal number",
		`[{"id":"a","models":[{"id":"m","prices":5}]}]`:                                                                 `model "m" of "a"`,
		`[{"id":"a","models":[{"id":"m","prices":[{"constraint":{"start_date":"soon"},"prices":{"input_mtok":1}}]}]}]`:  `"soon" is no date`,
		`[{"id":"a","models":[{"id":"m","prices":[{"constraint":{"start_time":"00:30"},"prices":{"input_mtok":1}}]}]}]`: "no time of day",
		`[{"id":"a","models":[{"id":"m","match":{"regex":"("},"prices":{}}]}]`:                                          "regex",
		`[{]`: "invalid character",
		`[5]`: "cannot unmarshal",
	} {
		prices, err := price.Read(strings.NewReader(file))
		assert.ErrorContains(t, err, reason, file)
		assert.Nil(t, prices, file)
	}
}

func TestWhatIsNoPriceFileIsRefused(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"", " ", "null", "5", `"prices"`, "model,input\ngpt-4o,2.5"} {
		_, err := price.Read(strings.NewReader(file))
		assert.ErrorContains(t, err, "neither genai-prices' nor LiteLLM's format", file)
	}
	_, err := price.Read(iotest.ErrReader(errors.New("the line broke")))
	assert.ErrorContains(t, err, "the line broke")
	_, err = price.Read(strings.NewReader(strings.Repeat(" ", 64<<20+1)))
	assert.ErrorContains(t, err, "larger than 64 MiB")
}
