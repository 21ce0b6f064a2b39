package notify_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

// lookUp starts a name server, and returns a resolver that asks it. It answers
// with what address returns; without any there is no such name.
func lookUp(t testing.TB, address func(name string) []string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	go func() {
		for buffer := make([]byte, 1024); ; {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(answerName(buffer[:n], address), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// failing is a resolver whose name server cannot be reached.
var failing = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New(secretAnswer)
}}

// answerName writes the answer to a query of RFC 1035.
func answerName(query []byte, address func(string) []string) []byte {
	var labels []string
	at := 12
	for ; query[at] != 0; at += 1 + int(query[at]) {
		labels = append(labels, string(query[at+1:at+1+int(query[at])]))
	}
	question := query[12 : at+5]
	asked := binary.BigEndian.Uint16(query[at+1:])
	addresses := address(strings.Join(labels, "."))
	var records []byte
	count := uint16(0)
	for _, a := range addresses {
		ip := netip.MustParseAddr(a)
		kind := uint16(28) // AAAA
		if ip.Is4() {
			kind = 1 // A
		}
		if kind != asked {
			continue
		}
		count++
		records = append(records, 0xc0, 12) // the question's name
		records = binary.BigEndian.AppendUint16(records, kind)
		records = binary.BigEndian.AppendUint16(records, 1)
		records = binary.BigEndian.AppendUint32(records, 0)
		records = binary.BigEndian.AppendUint16(records, uint16(len(ip.AsSlice())))
		records = append(records, ip.AsSlice()...)
	}
	flags := uint16(0x8180)
	if len(addresses) == 0 {
		flags |= 3 // NXDOMAIN
	}
	answer := append([]byte{}, query[:2]...)
	answer = binary.BigEndian.AppendUint16(answer, flags)
	answer = binary.BigEndian.AppendUint16(answer, 1)
	answer = binary.BigEndian.AppendUint16(answer, count)
	answer = append(answer, 0, 0, 0, 0)
	return append(append(answer, question...), records...)
}

func TestANameThatLeadsToAPrivateAddressIsRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fd00:ec2::254", "64:ff9b::7f00:1", "2002:7f00:1::"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			s := newSender(notify.Settings{})
			s.LookUpWith(lookUp(t, func(string) []string { return []string{address} }))
			err := s.Send(t.Context(), notify.Channel{Kind: notify.Webhook, Target: "https://hook.example/"}, budget())
			var forbidden *notify.Forbidden
			require.ErrorAs(t, err, &forbidden)
			assert.NotContains(t, err.Error(), address)
		})
	}
}

func TestANameThatIsLookedUpIsReached(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	target, err := url.Parse(r.URL)
	require.NoError(t, err)
	s := newSender(notify.Settings{AllowPrivate: true})
	s.LookUpWith(lookUp(t, func(name string) []string {
		if name != "hook.example" {
			return nil
		}
		return []string{"127.0.0.1"}
	}))
	require.NoError(t, s.Send(t.Context(), notify.Channel{Kind: notify.Slack, Target: "http://hook.example:" + target.Port()}, budget()))
	request, _ := r.only(t)
	assert.Equal(t, "hook.example:"+target.Port(), request.Host)
	err = s.Send(t.Context(), notify.Channel{Kind: notify.Slack, Target: "http://nobody.example"}, budget())
	assert.EqualError(t, err, "sending to http://nobody.example: its host name is unknown")
}
