//go:build !unix

package storetest

import "syscall"

// An account is whom a server runs as: always us.
type account struct{}

func unprivileged() (*account, error) { return nil, nil }

func (*account) give(string) error { return nil }

func (*account) apart() *syscall.SysProcAttr { return nil }
