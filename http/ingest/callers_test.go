package ingest_test

import (
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/storetest"
)

const tokenLife = time.Hour

func now() time.Time { return time.Now() }

// The callers of the tests.
var (
	nobody  policy.Caller
	service = policy.System()
	anon    = storetest.Anon()
	ann     = storetest.User("ann")
	bob     = storetest.User("bob")
)
