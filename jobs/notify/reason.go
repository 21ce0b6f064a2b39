package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
)

// reason says why an attempt failed, in words of ours: the errors of net/http,
// crypto/tls and others may quote the URL, the certificate or what the receiver
// sent, so none of them is passed on.
func reason(ctx context.Context, err error) error {
	var (
		forbidden *Forbidden
		name      *net.DNSError
		timeout   net.Error
		errno     syscall.Errno
	)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("interrupted: %w", context.Canceled)
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("it did not answer in time: %w", context.DeadlineExceeded)
	case errors.As(err, &forbidden):
		return forbidden
	case errors.As(err, &name) && name.IsNotFound:
		return errors.New("its host name is unknown")
	case errors.As(err, &name):
		return errors.New("its host name could not be looked up")
	case errors.As(err, &errno):
		return errors.New(errno.Error()) // a fixed text, such as: connection refused
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it closed the connection without an answer")
	}
	if text := tlsReason(err); text != "" {
		return errors.New(text)
	}
	return errors.New("it gave no valid answer")
}

// tlsReason returns what is wrong with a receiver's TLS, "" if that is not it.
func tlsReason(err error) string {
	var (
		authority   x509.UnknownAuthorityError
		host        x509.HostnameError
		invalid     x509.CertificateInvalidError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       *net.OpError
	)
	switch {
	case errors.As(err, &authority):
		return "its certificate is signed by nobody whom this machine trusts"
	case errors.As(err, &host):
		return "its certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet"
	case errors.As(err, &certificate):
		return "its certificate is not valid"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS"
	case errors.As(err, &alert) && alert.Op == "remote error": // crypto/tls's for an alert
		return "it broke off the TLS handshake"
	}
	return ""
}
