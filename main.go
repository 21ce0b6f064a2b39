// Command llmtally keeps the books on LLM usage: it takes in a log of every LLM
// request, links it to a user, and answers at once who used what, and what it
// cost. One binary, one SQLite file.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "llmtally:", err)
		os.Exit(1)
	}
}

// A cli is the command line. Each flag can also be set by a variable
// (LLMTALLY_JWT_SECRET for --jwt-secret) and in the YAML file, in that order.
type cli struct {
	Config string `help:"YAML file with settings, named as the flags." placeholder:"FILE"`
	Log    string `name:"log-level" help:"How much to log: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`

	Serve       serveCommand       `cmd:"" help:"Run everything: the API, logging and jobs."`
	Keys        keysCommand        `cmd:"" help:"Print the anon and service keys, ready for an env file."`
	Token       tokenCommand       `cmd:"" help:"Print a user's token."`
	Import      importCommand      `cmd:"" help:"Import logs from NDJSON or CSV files."`
	Copy        copyCommand        `cmd:"" help:"Copy a database to another: a SQLite file or PostgreSQL. Again: what changed since."`
	Distribute  distributeCommand  `cmd:"" help:"Spread a PostgreSQL database over the servers of a Citus cluster."`
	Check       checkCommand       `cmd:"" help:"Recompute every aggregate from the logs, and say what differs."`
	Rebuild     rebuildCommand     `cmd:"" help:"Make every aggregate anew from the logs."`
	Prices      pricesCommand      `cmd:"" help:"List, override and import prices."`
	Reprice     repriceCommand     `cmd:"" help:"Give logs the cost that the price table says."`
	Jobs        jobsCommand        `cmd:"" help:"List what happens by the clock, and how it went last."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running server whether it is alive."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

// A process is what a command may use of the world around it.
type process struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
}

// errDone ends a run that has printed what was asked for, such as --help.
var errDone = errors.New("done")

// run runs the whole program. It returns when the command has finished, or ctx
// has ended and the command has shut down in order.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) (err error) {
	defer func() {
		if r := recover(); r != nil && r != errDone { //nolint:errorlint // the very value that exit panicked with
			panic(r)
		}
	}()
	var c cli
	settings, err := loadSettings(args, getenv)
	if err != nil {
		return err
	}
	parser, err := kong.New(&c,
		kong.Name("llmtally"),
		kong.Description("Keeps the books on LLM usage: one binary, one SQLite file."),
		kong.UsageOnError(),
		kong.Writers(stdout, os.Stderr),
		kong.Exit(func(int) { panic(errDone) }),
		kong.Resolvers(settings),
	)
	if err != nil {
		return fmt.Errorf("reading the command line's definition: %w", err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return fmt.Errorf("%w (see llmtally --help)", err)
	}
	if err := settings.unknown(parser.Model); err != nil {
		return err
	}
	setLogger(os.Stderr, c.Log)
	return parsed.Run(&process{ctx: ctx, stdout: stdout, stderr: os.Stderr})
}
