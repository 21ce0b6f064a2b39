//go:build unix

package storetest

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// An account is whom a server runs as. The nil account is ours.
type account syscall.Credential

// unprivileged returns another account when we are root, as whom the server
// refuses to run.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var errs []error
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uid, errUID := strconv.ParseUint(found.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(found.Gid, 10, 32)
		return &account{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(errUID, errGID)
	}
	return nil, errors.Join(errs...)
}

// give makes a folder the account's own.
func (a *account) give(dir string) error {
	if a == nil {
		return nil
	}
	return os.Chown(dir, int(a.Uid), int(a.Gid))
}

// apart is how to start a process as the account, which a Ctrl-C at the
// terminal does not reach.
func (a *account) apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Credential: (*syscall.Credential)(a)}
}
