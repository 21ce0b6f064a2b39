package notify_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

func TestWhichAddressesArePublic(t *testing.T) {
	t.Parallel()
	const (
		public    = ""
		machine   = "an address of this machine"
		private   = "a private address"
		link      = "a link-local address"
		inner     = "a provider's inner address"
		azure     = "an inner address of Azure"
		reserved  = "a reserved address"
		multicast = "a multicast address"
		example   = "an address for documentation"
		benchmark = "an address for benchmarks"
	)
	for address, want := range map[string]string{
		"1.1.1.1": public, "8.8.8.8": public, "93.184.215.14": public, "223.255.255.255": public,

		"0.0.0.0": machine, "0.1.2.3": machine, "0.255.255.255": machine, "1.0.0.0": public,
		"9.255.255.255": public, "10.0.0.0": private, "10.255.255.255": private, "11.0.0.0": public,
		"100.63.255.255": public, "100.64.0.0": inner, "100.100.100.200": inner, "100.127.255.255": inner, "100.128.0.0": public,
		"126.255.255.255": public, "127.0.0.1": machine, "127.0.0.53": machine, "127.255.255.255": machine, "128.0.0.0": public,
		"168.63.129.15": public, "168.63.129.16": azure, "168.63.129.17": public,
		"169.253.255.255": public, "169.254.0.0": link, "169.254.169.254": link, "169.254.170.2": link, "169.255.0.0": public,
		"172.15.255.255": public, "172.16.0.0": private, "172.17.0.1": private, "172.31.255.255": private, "172.32.0.0": public,
		"191.255.255.255": public, "192.0.0.1": reserved, "192.0.0.192": reserved, "192.0.1.0": public, "192.0.2.1": example, "192.0.3.0": public,
		"192.88.99.1": reserved, "192.167.255.255": public, "192.168.0.1": private, "192.168.255.255": private, "192.169.0.0": public,
		"198.17.255.255": public, "198.18.0.1": benchmark, "198.19.255.255": benchmark, "198.20.0.0": public,
		"198.51.100.1": example, "198.51.101.0": public, "203.0.112.255": public, "203.0.113.1": example, "203.0.114.0": public,
		"224.0.0.1": multicast, "239.255.255.250": multicast, "240.0.0.1": reserved, "255.255.255.254": reserved, "255.255.255.255": reserved,

		"2606:4700:4700::1111": public, "2001:4860:4860::8888": public, "2a00:1450:4001:800::200e": public, "2620:fe::fe": public,
		"::": machine, "::1": machine, "::2": reserved, "::7f00:1": reserved, "::8.8.8.8": reserved,
		"fc00::1": private, "fd00:ec2::254": private, "fdff::1": private, "fe00::1": reserved,
		"fe80::1": link, "fe80::1%eth0": link, "febf::1": link, "fec0::1": private, "ff02::1": multicast, "ff0e::1": multicast,
		"100::1": reserved, "5f00::1": reserved, "4000::1": reserved, "1fff::1": reserved,
		"2001::1": reserved, "2001:0:4136:e378:8000:63bf:3fff:fdd2": reserved, "2001:10::1": reserved, "2001:20::1": reserved, "2001:200::1": public,
		"2001:db7::1": public, "2001:db8::1": example, "2001:db9::1": public, "3ffe::1": public, "3fff::1": example, "3fff:fff::1": example, "3fff:1000::1": public,

		"::ffff:8.8.8.8": public, "::ffff:127.0.0.1": machine, "::ffff:10.0.0.1": private, "::ffff:169.254.169.254": link, "::ffff:0.0.0.0": machine,
		"::ffff:a9fe:a9fe": link, "::ffff:0:127.0.0.1": reserved,
		"64:ff9b::8.8.8.8": public, "64:ff9b::127.0.0.1": machine, "64:ff9b::10.0.0.1": private, "64:ff9b::a9fe:a9fe": link, "64:ff9b::192.168.1.1": private,
		"64:ff9b:1::8.8.8.8": reserved, "64:ff9b:1::a9fe:a9fe": reserved,
		"2002:808:808::1": public, "2002:7f00:1::1": machine, "2002:a00:1::1": private, "2002:a9fe:a9fe::1": link, "2002:c0a8:101::": private, "2002:e000:1::": multicast,
	} {
		assert.Equal(t, want, notify.WhyNotPublic(address), address)
	}
}

func TestADialerAsksAboutTheAddressItConnectsTo(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:443", "[::1]:443", "[::ffff:10.0.0.1]:80", "[fe80::1%eth0]:443", "169.254.169.254:80"} {
		var forbidden *notify.Forbidden
		assert.ErrorAs(t, notify.ControlOf(address), &forbidden, address)
	}
	for _, address := range []string{"1.1.1.1:443", "[2606:4700:4700::1111]:443", "[64:ff9b::8.8.8.8]:443"} {
		assert.NoError(t, notify.ControlOf(address), address)
	}
	for _, address := range []string{"", "example.com:443", "1.1.1.1", "/run/docker.sock", "@abstract"} {
		assert.ErrorContains(t, notify.ControlOf(address), "unknown kind of address", address)
	}
}

func TestAReceiverOnThisMachineIsReachedOnlyWhenAllowed(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	for _, kind := range []string{notify.Webhook, notify.Slack, notify.Discord} {
		err := newSender(notify.Settings{}).Send(t.Context(), notify.Channel{Kind: kind, Target: r.URL}, budget())
		var forbidden *notify.Forbidden
		require.ErrorAs(t, err, &forbidden)
		assert.Equal(t, "an address of this machine", forbidden.Why)
		assert.Equal(t, "sending to "+r.URL+": its host is at an address of this machine, where alerts are not sent unless private receivers are allowed", err.Error())
	}
	assert.Zero(t, r.hits())
	require.NoError(t, newSender(notify.Settings{AllowPrivate: true}).Send(t.Context(), notify.Channel{Kind: notify.Slack, Target: r.URL}, budget()))
}
