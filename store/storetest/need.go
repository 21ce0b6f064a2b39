package storetest

import (
	"os"
	"testing"
)

// Need skips the test when something that it needs is not there, and says what.
// Where LLMTALLY_TEST_REQUIRE=1 is set, as in CI, that is a failure.
func Need(t testing.TB, there bool, what string) {
	t.Helper()
	if there {
		return
	}
	if Required() {
		t.Fatalf("%s is missing, and LLMTALLY_TEST_REQUIRE=1 says that no test may be skipped", what)
	}
	t.Skipf("%s is missing", what)
}

// Required says whether this is a run that must test everything.
func Required() bool { return os.Getenv("LLMTALLY_TEST_REQUIRE") == "1" }
