package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"

	"github.com/go-chi/chi/v5"

	"github.com/llmtally/llmtally/http/dashboard/chart"
)

//go:embed static
var staticFiles embed.FS

// An asset is a file that pages use.
type asset struct {
	contentType string
	content     []byte
	version     string
}

var assets = readAssets()

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

func readAssets() map[string]asset {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err) // they are in the program
	}
	all := map[string]asset{}
	for _, e := range entries {
		content, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		if e.Name() == "app.css" {
			content = append(content, chart.CSS()...)
		}
		sum := sha256.Sum256(content)
		all[e.Name()] = asset{contentTypes[path.Ext(e.Name())], content, hex.EncodeToString(sum[:6])}
	}
	return all
}

// assetPath is where a file is: another place for another version, so that a
// browser may keep it.
func assetPath(name string) string { return "/assets/" + name + "?v=" + assets[name].version }

func (d *Dashboard) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := assets[chi.URLParam(r, "file")]
	if !ok {
		d.message(w, r, http.StatusNotFound, "Nothing here", "There is no such file.")
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "public, max-age=300")
	if r.URL.Query().Get("v") == a.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	// An error here is the client's going away.
	_, _ = w.Write(a.content)
}
