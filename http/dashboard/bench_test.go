package dashboard_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	llmhttp "github.com/llmtally/llmtally/http"
	"github.com/llmtally/llmtally/http/dashboard"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

var (
	benchRows  = flag.Int("rows", 1_000_000, "logs in the generated database of the benchmarks")
	benchUsers = flag.Int("users", 10_000, "users in it")
	benchKeep  = flag.String("keep", "", "folder to keep it in for the next run")
)

// BenchmarkPages asks for pages over loopback, from the request until the last
// byte has come.
func BenchmarkPages(b *testing.B) {
	end := storetest.GeneratedEnd
	begin := time.Now()
	now := func() time.Time { return end.Add(time.Since(begin) - time.Hour) }
	db := storetest.Generated(b, *benchRows, *benchUsers, *benchKeep)
	s := serve(b, db, now, llmhttp.Config{})
	operator := s.operator()
	days := 0
	month := func() string {
		from := end.AddDate(0, 0, -days-30)
		return fmt.Sprintf("/?range=custom&from=%s&to=%s", from.Format(time.DateOnly), from.AddDate(0, 0, 29).Format(time.DateOnly))
	}
	b.Run("overview of 30 days/first", func(b *testing.B) {
		for b.Loop() {
			days = days%90 + 1 // more than are kept
			operator.see(month())
		}
	})
	b.Run("overview of 30 days/again", func(b *testing.B) {
		for b.Loop() {
			operator.see(month())
		}
	})
	for name, path := range map[string]string{"overview": "/", "users": "/users"} {
		b.Run(name+" after a start", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				started, err := store.Open(b.Context(), db.Path(), store.Options{Guest: true, Now: now})
				require.NoError(b, err)
				first := serve(b, started, now, llmhttp.Config{}).operator()
				require.NoError(b, started.PrepareOverview(b.Context(), dashboard.DefaultDays))
				b.StartTimer()
				first.see(path)
				b.StopTimer()
				first.http.Close()
				require.NoError(b, started.Close())
				b.StartTimer()
			}
		})
	}
	for _, sort := range store.UserSorts() {
		operator.see("/users?sort=" + string(sort)) // an order is made when it is asked for
		b.Run("users/"+string(sort), func(b *testing.B) {
			for b.Loop() {
				operator.see("/users?sort=" + string(sort))
			}
		})
	}
	b.Run("users/search", func(b *testing.B) {
		for b.Loop() {
			operator.see("/users?q=7")
		}
	})
	b.Run("user", func(b *testing.B) {
		for b.Loop() {
			operator.see("/users/" + storetest.GeneratedUser(0))
		}
	})
}
