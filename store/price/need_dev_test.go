package price_test

import "testing"

type devNeed struct{}

func (devNeed) Need(t testing.TB, there bool, what string) {
	if !there {
		t.Skip(what)
	}
}

var storetest devNeed
