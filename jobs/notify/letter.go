package notify

import (
	"errors"
	"math"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// maxSubject bounds a subject, in characters.
const maxSubject = 150

// letter returns the mail that says what the message says. Its Message-ID
// comes from the delivery's id, so that an attempt which was taken unnoticed
// and its repeat are one mail to the receiver.
func (s *Sender) letter(to []string, m Message) (*mail.Msg, error) {
	from, err := s.settings.SMTP.sender()
	if err != nil {
		return nil, err
	}
	letter := mail.NewMsg()
	letter.FromMailAddress(from)
	if err := letter.To(to...); err != nil {
		return nil, errors.New("the channel has an address that is none") // err would repeat it
	}
	letter.Subject(subject(m))
	letter.SetMessageIDWithValue(m.ID + from.Address[strings.LastIndexByte(from.Address, '@'):])
	letter.SetDateWithValue(s.settings.Now().UTC())
	letter.SetUserAgent(s.userAgent)
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answer, please
	letter.SetBodyString(mail.TypeTextPlain, letterText(m))
	return letter, nil
}

// sender returns the address in From.
func (s SMTP) sender() (*netmail.Address, error) { return netmail.ParseAddress(s.From) }

// subject returns one line. What looks like an encoded word (RFC 2047) in a
// name is taken apart, or a mail program would decode it.
func subject(m Message) string {
	about := m.Rule
	if user := m.user(); user != "" {
		about += " (" + user + ")"
	}
	return strings.ReplaceAll(oneLine("llmtally: "+about, maxSubject), "=?", "= ?")
}

func letterText(m Message) string {
	lines := []string{
		unlinked(oneLine(m.Text, maxText)), "",
		"Rule:       " + line(m.Rule),
		"Measures:   " + m.measured(),
		"Used:       " + m.amount(m.Used),
		"Limit:      " + m.amount(m.Limit),
		"Threshold:  " + number(m.Threshold) + " %",
		"Period:     " + m.window(),
		"Fired at:   " + instant(m.FiredAt),
	}
	if link := m.link(); link != "" {
		lines = append(lines, "Dashboard:  "+link)
	}
	lines = append(lines, "", "Alert "+strconv.FormatInt(m.AlertID, 10)+", delivery "+m.ID)
	return strings.Join(lines, "\r\n") + "\r\n"
}

// line returns a name as it may stand in a mail.
func line(name string) string { return unlinked(oneLine(name, 300)) }

// measured returns what of whom the rule measures.
func (m Message) measured() string {
	text := strings.ReplaceAll(line(m.Metric), "_", " ") + " of " + line(m.Scope)
	if m.ScopeValue != "" {
		text += " " + line(m.ScopeValue)
	}
	if m.UserID != "" {
		text += ", user " + line(m.UserID)
	}
	return text
}

// amount returns a number with the metric's unit.
func (m Message) amount(v float64) string {
	switch m.Metric {
	case "cost":
		return number(v) + " USD"
	case "error_rate":
		return number(v*100) + " %"
	case "failures":
		return number(v) + " requests"
	}
	return number(v) + " " + line(m.Metric)
}

// number returns v in decimal, with what floating point adds rounded away.
func number(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}

func (m Message) window() string {
	text := line(m.Period)
	if !m.WindowStart.IsZero() {
		text += ", from " + instant(m.WindowStart)
	}
	if !m.WindowEnd.IsZero() {
		text += " until " + instant(m.WindowEnd)
	}
	return text
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
