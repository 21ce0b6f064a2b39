package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"time"
	_ "time/tzdata" // for tz= where the machine has no time zones

	llmhttp "github.com/llmtally/llmtally/http"
	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/dashboard"
	"github.com/llmtally/llmtally/http/ingest"
	v1 "github.com/llmtally/llmtally/http/v1"
	"github.com/llmtally/llmtally/jobs"
	"github.com/llmtally/llmtally/store"
)

type serveCommand struct {
	databaseFlags
	secretFlags
	Addr            string        `help:"Where to listen." default:"127.0.0.1:8787"`
	Anon            string        `help:"Who may be anonymous: who has the anon key, open (also without a key), or off (nobody)." enum:"key,open,off" default:"key"`
	AutoCreateUsers bool          `help:"Make a profile for each new user that the service key logs for." default:"true" negatable:""`
	MaxBody         int64         `help:"Most bytes of a body of logs, unpacked." default:"2147483648"`
	MaxRow          int           `help:"Most bytes of one log." default:"8388608"`
	MaxStreams      int           `help:"Most live streams of requests at once." default:"100"`
	TraceUsers      []string      `help:"The attributes that name the user of an OpenTelemetry span, in turn; OpenTelemetry's, Langfuse's, Traceloop's and LiteLLM's unless given." name:"trace-users" placeholder:"NAME"`
	AnalyticsMaxAge time.Duration `help:"How long clients may keep analytics." default:"5m"`
	BreakdownMaxAge time.Duration `help:"How long clients may keep breakdowns." default:"1h"`

	alertFlags
	Schedules scheduleFlags `embed:"" prefix:"schedule-" group:"Schedules, in UTC: five fields as in cron, @hourly, @every 90m, or off"`
}

// grace is how long requests under way may take when the server shuts down.
const grace = 15 * time.Second

func (c *serveCommand) Run(p *process) (err error) {
	if c.PublicURL != "" {
		if err := checkHome("--public-url", c.PublicURL); err != nil {
			return err
		}
	}
	tuneMemory()
	a, madeSecret, err := c.authenticator(c.DB, auth.Anon(c.Anon))
	if err != nil {
		return err
	}
	db, err := c.open(p, c.AutoCreateUsers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	defer context.AfterFunc(p.ctx, db.PrepareToClose)()
	runner, err := jobs.New(db, jobs.Standard(db, jobs.Schedules(c.Schedules)), jobs.Settings{})
	if err != nil {
		return err
	}
	handler, err := llmhttp.NewHandler(llmhttp.Config{
		DB: db, Auth: a, Version: version(),
		Limits: ingest.Limits{Body: c.MaxBody, Row: c.MaxRow}, TraceUsers: c.TraceUsers, PublicURL: c.PublicURL,
		V1: v1.Settings{
			AnalyticsMaxAge: c.AnalyticsMaxAge, BreakdownMaxAge: c.BreakdownMaxAge,
			RunJob: runner.Run, CheckChannel: checkChannel,
			Streams: v1.StreamSettings{Most: c.MaxStreams},
		},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if err := c.greet(p.stdout, listener.Addr(), a, madeSecret); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := runner.Start(); err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, stopJobs(p.ctx, runner)) }() // before the database closes
	defer c.deliver(p.ctx, db)()
	defer prepare(p.ctx, db)()
	return serve(p.ctx, listener, handler)
}

// prepare makes ready, meanwhile, for what the dashboard opens with.
func prepare(ctx context.Context, db *store.DB) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := db.PrepareOverview(ctx, dashboard.DefaultDays); err != nil && ctx.Err() == nil {
			slog.Warn("preparing the overview", "error", err)
		}
	}()
	return func() { <-done }
}

// greet says where the server is, and how to use it. Its link is worth nothing
// after an hour or one sign-in, so it is given wherever the server was started;
// keys are shown only to a person at a terminal: anything else may be a log.
func (c *serveCommand) greet(w io.Writer, addr net.Addr, a *auth.Authenticator, madeSecret bool) error {
	fmt.Fprintf(w, "llmtally %s\n  listening on http://%s\n  data in      %s\n  API at       http://%[2]s/docs\n", version(), addr, store.Shown(c.DB))
	fmt.Fprintf(w, "  dashboard at %s\n               (signs you in, once, within an hour; later with the service key)\n",
		signInLink(c.home(addr), url.Values{"code": {a.SignInCode()}}))
	if !isTerminal(w) {
		_, err := fmt.Fprintln(w, "  keys         run: llmtally keys --db "+store.Shown(c.DB))
		return err
	}
	if madeSecret {
		fmt.Fprintf(w, "\nA secret was made and kept in %s.secret; `llmtally keys` shows these again:\n", c.DB)
	}
	return printKeys(w, a)
}

// home is where people reach the dashboard.
func (c *serveCommand) home(addr net.Addr) string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		return "http://" + net.JoinHostPort("localhost", port)
	}
	return "http://" + addr.String()
}

// serve answers requests until ctx ends, then lets those under way finish.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute, // logging doors wait longer, while the body moves
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	slog.Info("shutting down: finishing the requests under way", "grace", grace)
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		return fmt.Errorf("finishing the requests under way: %w", errors.Join(err, server.Close()))
	}
	slog.Info("all requests are finished")
	return nil
}

// tuneMemory lets the heap, which is small, grow to more between collections,
// so that they take less of the time of a busy server. GOGC, where set, has the
// last word.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

type healthcheckCommand struct {
	Addr string `help:"Where the server listens." default:"127.0.0.1:8787"`
}

func (c *healthcheckCommand) Run(p *process) error {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Addr+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no answer from %s: %w", c.Addr, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", c.Addr, answer.Status)
	}
	_, err = fmt.Fprintln(p.stdout, "ok")
	return err
}
