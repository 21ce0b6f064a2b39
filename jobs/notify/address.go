package notify

import (
	"net/netip"
	"syscall"
)

// Forbidden means that a receiver's host is at an address that alerts are not
// sent to: whoever may write a channel must not reach what only this machine
// can reach. Settings.AllowPrivate lifts it.
type Forbidden struct {
	Why string // the kind of address
}

func (f *Forbidden) Error() string {
	return "its host is at " + f.Why + ", where alerts are not sent unless private receivers are allowed"
}

// notPublic lists the addresses that are not reachable from everywhere, after
// IANA's registries of special-purpose addresses
// (https://www.iana.org/assignments/iana-ipv4-special-registry, and -ipv6-).
var notPublic = []struct {
	prefix netip.Prefix
	why    string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "an address of this machine"},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a provider's inner address"},
	{netip.MustParsePrefix("127.0.0.0/8"), "an address of this machine"},
	{netip.MustParsePrefix("168.63.129.16/32"), "an inner address of Azure"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved address"},
	{netip.MustParsePrefix("192.0.2.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a reserved address"},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address"},
	{netip.MustParsePrefix("198.18.0.0/15"), "an address for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},

	{netip.MustParsePrefix("::/127"), "an address of this machine"},
	{netip.MustParsePrefix("fc00::/7"), "a private address"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("fec0::/10"), "a private address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	{netip.MustParsePrefix("2001::/23"), "a reserved address"},
	{netip.MustParsePrefix("2001:db8::/32"), "an address for documentation"},
	{netip.MustParsePrefix("3fff::/20"), "an address for documentation"},
}

// Of IPv6, only this is public.
var global6 = netip.MustParsePrefix("2000::/3")

// The IPv6 addresses that lead to an IPv4 address, and after how many bytes it
// stands in them: NAT64 (RFC 6052) and 6to4 (RFC 3056).
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
}

// onlyPublic is a dialer's Control function. It is asked about each address
// that is about to be connected to, after the name was looked up, so that no
// name can lead elsewhere in between.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Forbidden{Why: "an unknown kind of address"}
	}
	if why := whyNotPublic(to.Addr()); why != "" {
		return &Forbidden{Why: why}
	}
	return nil
}

// whyNotPublic returns what kind of address it is, "" if a public one.
func whyNotPublic(address netip.Addr) string {
	address = address.WithZone("").Unmap()
	for _, e := range embedding {
		if e.prefix.Contains(address) {
			bytes := address.As16()
			return whyNotPublic(netip.AddrFrom4([4]byte(bytes[e.at : e.at+4])))
		}
	}
	for _, n := range notPublic {
		if n.prefix.Contains(address) {
			return n.why
		}
	}
	if address.Is6() && !global6.Contains(address) {
		return "a reserved address"
	}
	return ""
}
