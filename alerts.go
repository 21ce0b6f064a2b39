package main

import (
	"context"
	"time"

	"github.com/llmtally/llmtally/jobs"
	"github.com/llmtally/llmtally/jobs/notify"
	"github.com/llmtally/llmtally/store"
)

// alertFlags say how alerts leave the house.
type alertFlags struct {
	PublicURL           string `name:"public-url" help:"Where people reach this server, for links in alerts and the dashboard behind a proxy." placeholder:"URL"`
	AllowPrivateTargets bool   `help:"Let alerts go to webhooks on private networks and this machine."`
	SMTPHost            string `name:"smtp-host" help:"The mail server that takes alerts." placeholder:"HOST"`
	SMTPPort            int    `name:"smtp-port" help:"Its port. Default: 587, or 465 with tls."`
	SMTPUser            string `name:"smtp-user" help:"Whom to sign in as there, if need be." placeholder:"NAME"`
	SMTPPassword        string `name:"smtp-password" help:"Better given as LLMTALLY_SMTP_PASSWORD." placeholder:"TEXT"`
	SMTPFrom            string `name:"smtp-from" help:"The sender's address." placeholder:"ADDRESS"`
	SMTPTLS             string `name:"smtp-tls" help:"How the connection is protected." enum:"starttls,tls,none" default:"starttls"`
}

func checkChannel(kind, target, secret string) error {
	return notify.Channel{Kind: kind, Target: target, Secret: secret}.Check()
}

// deliver sends alerts until the function that it returns is called, which
// waits for those under way to be sent or put off.
func (f alertFlags) deliver(ctx context.Context, db *store.DB) (stop func()) {
	sender := notify.New(notify.Settings{
		AllowPrivate: f.AllowPrivateTargets, Version: version(),
		SMTP: notify.SMTP{
			Host: f.SMTPHost, Port: f.SMTPPort, User: f.SMTPUser, Password: f.SMTPPassword, From: f.SMTPFrom, TLS: f.SMTPTLS,
		},
	})
	// Not ctx's end: alerts go out while the last requests finish.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		jobs.NewDeliverer(db, sender, f.PublicURL, time.Now).Run(running)
	}()
	return func() { cancel(); <-done }
}
