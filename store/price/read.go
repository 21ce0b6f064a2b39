package price

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// largest bounds a price file; the known ones have 2 MB.
const largest = 64 << 20

// Read reads a file of prices for import. It tells the two known formats
// apart: genai-prices' (a list of providers, data.json or data_slim.json of any
// version) and LiteLLM's model_prices_and_context_window.json (an object of
// models). Models without a price per token, search or request are passed
// over. The prices come in the file's order, which NewTable wants.
func Read(r io.Reader) ([]Price, error) {
	file, err := io.ReadAll(io.LimitReader(r, largest+1))
	if err != nil {
		return nil, fmt.Errorf("reading prices: %w", err)
	}
	if len(file) > largest {
		return nil, fmt.Errorf("reading prices: the file is larger than %d MiB", largest>>20)
	}
	file = bytes.TrimSpace(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf")))
	switch {
	case len(file) > 0 && file[0] == '[':
		return readGenaiPrices(file)
	case len(file) > 0 && file[0] == '{':
		return readObject(file)
	default:
		return nil, errors.New("reading prices: neither genai-prices' nor LiteLLM's format")
	}
}
