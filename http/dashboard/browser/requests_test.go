package browser_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// seeCount waits until a table has so many rows.
func (b *tab) seeCount(table string, n int) {
	b.t.Helper()
	b.until(fmt.Sprintf("%d rows in %s", n, table), fmt.Sprintf(`document.querySelectorAll("%s tbody tr").length === %d`, table, n))
}

func TestRequestsAreFilteredWithoutAReload(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	b.goTo("/requests")
	b.seeCount("#requests", 5)
	stays := b.stays()
	b.enter("[name=user]", "ann")
	b.press("\r")
	b.seeCount("#requests", 3)
	assert.Equal(t, "/requests?user=ann", b.address())
	value[bool](b, `(document.querySelector("[name=status]").value = "failure", true)`)
	b.click("form.filters button")
	b.seeCount("#requests", 1)
	b.see("#requests", "rate_limit_error")
	b.enter("[name=model]", "nothing like it")
	b.press("\r")
	b.see("#requests", "No request matches")
	b.click("#filters-reset")
	b.seeCount("#requests", 5)
	assert.Empty(t, value[string](b, `document.querySelector("[name=user]").value`))
	stays(t)

	b.goTo("/requests?status=failure&user=ann")
	b.seeCount("#requests", 1)
	assert.Equal(t, "failure", value[string](b, `document.querySelector("[name=status]").value`))
}

func TestAnUnusualStatusStaysChosen(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	s.log(t, `{"end_user":"ann","model":"m","status":"canceled"}`, `{"end_user":"bob","model":"m","status":"canceled"}`)
	b := s.operator(t, desktop)
	b.goTo("/requests?status=canceled")
	b.seeCount("#requests", 2)
	stays := b.stays()
	b.enter("[name=user]", "ann")
	b.press("\r")
	b.seeCount("#requests", 1)
	assert.Equal(t, "/requests?user=ann&status=canceled", b.address())
	b.click("#filters-reset")
	b.seeCount("#requests", 7)
	assert.NotContains(t, b.text("[name=status]"), "canceled")
	stays(t)
}

func TestAFilterChangesNothingElseOfAUsersPage(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	s.log(t, `{"end_user":"..","model":"gpt-5","status":"success"}`, `{"end_user":"..","model":"gpt-5","status":"failure"}`)
	b := s.operator(t, desktop)
	b.goTo("/users/~?id=..&range=7d&metric=cost")
	b.seeCount("#requests", 2)
	stays := b.stays()
	value[bool](b, `(document.querySelector("[name=status]").value = "failure", true)`)
	b.click("form.filters button")
	b.seeCount("#requests", 1)
	b.see("h1", "..")
	b.until("the same time and chart", `["range-7d", "show-Cost"].every((id) => document.getElementById(id).getAttribute("aria-current") === "true")`)
	b.click(".dates summary")
	b.click(".dates button")
	b.until("the dates", `document.querySelector(".dates").open && location.search.includes("range=custom")`)
	b.seeCount("#requests", 1)
	b.see("h1", "..")
	stays(t)
}

func TestManyRequestsComeInPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	logs := make([]string, 120)
	for i := range logs {
		logs[i] = fmt.Sprintf(`{"end_user":"ann","model":"m-%03d"}`, i)
	}
	s.log(t, logs...)
	b := s.operator(t, phone)
	b.goTo("/requests")
	seen := map[string]bool{}
	for _, n := range []int{50, 50, 20} {
		b.until("another page", fmt.Sprintf(`document.querySelectorAll("#requests tbody tr").length === %d && !(%s).includes(document.querySelector("#requests tbody tr").innerText.match(/m-\d+/)[0])`,
			n, quoted(strings.Join(namesOf(seen), " "))))
		for _, name := range value[[]string](b, `document.querySelector("#requests tbody").innerText.match(/m-\d+/g)`) {
			seen[name] = true
		}
		if n == 50 {
			b.click("#requests-older")
		}
	}
	assert.Len(t, seen, 120, "each is on one of the pages")
	b.click("#requests-newer")
	b.seeCount("#requests", 50)
}

func namesOf(m map[string]bool) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

func TestUsersAreFoundAndSorted(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	b.goTo("/users")
	b.seeCount("#users", 3)
	stays := b.stays()
	b.click("#users-sort-0")
	b.until("sorted by id", `document.querySelector("#users th").getAttribute("aria-sort") === "ascending"`)
	assert.Equal(t, []string{"=1+1", "ann", "bob"}, value[[]string](b, `[...document.querySelectorAll("#users tbody tr")].map((r) => r.cells[0].querySelector("bdi").textContent)`))
	b.enter("#users-search", "bo")
	b.press("\r")
	b.seeCount("#users", 1)
	b.see("#users", "bob")
	stays(t)
}

// download clicks a link and returns the file that the browser keeps.
func (b *tab) download(selector string) string {
	b.t.Helper()
	folder := b.t.TempDir()
	yes := true
	_, err := chromedp.CallBrowser(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder, EventsEnabled: &yes,
		BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	})
	require.NoError(b.t, err)
	ended := make(chan string, 1)
	require.NoError(b.t, chromedp.ListenBrowser(b.ctx, func(event any) {
		if e, ok := event.(*browser.EventDownloadProgress); ok && e.State != browser.DownloadProgressStateInProgress && strings.HasPrefix(e.FilePath, folder) {
			select {
			case ended <- e.FilePath:
			default:
			}
		}
	}))
	b.click(selector)
	select {
	case path := <-ended:
		text, err := os.ReadFile(path)
		require.NoError(b.t, err)
		assert.Equal(b.t, ".csv", filepath.Ext(path))
		return string(text)
	case <-time.After(*patience):
		require.FailNow(b.t, "no file came")
		return ""
	}
}

func TestCSVIsAFileWithWhatTheTableShows(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	b.goTo("/users?sort=user_id&order=ascending")
	b.seeCount("#users", 3)
	text := b.download("#users a.csv")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	shown := value[[][]string](b, `[...document.querySelectorAll("#users tbody tr")].map((r) => [...r.cells].map((c) => c.querySelector("bdi, time")?.textContent ?? ""))`)
	require.Len(t, rows, len(shown)+1)
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for i, row := range rows[1:] {
		assert.Equal(t, shown[i][0], strings.TrimPrefix(row[column["user_id"]], "'"))
		assert.Equal(t, shown[i][2], row[column["requests"]])
		assert.Equal(t, strings.ReplaceAll(shown[i][4], ",", ""), row[column["tokens"]])
	}
	assert.Equal(t, "'=1+1", rows[1][column["user_id"]], "no formula for a spreadsheet")
	assert.Equal(t, "/users?sort=user_id&order=ascending", b.address(), "the page stays")
}

func TestCSVHasAllRequestsThatMatchNotThePageAlone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	logs := make([]string, 120)
	for i := range logs {
		logs[i] = fmt.Sprintf(`{"end_user":"ann","model":"m-%d"}`, i%2)
	}
	s.log(t, logs...)
	b := s.user(t, desktop, "ann")
	b.goTo("/requests?model=m-1")
	b.seeCount("#requests", 50)
	rows, err := csv.NewReader(strings.NewReader(b.download("#requests a.csv"))).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 61)
}
