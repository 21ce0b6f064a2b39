package notify

import (
	"encoding/json"
	"net/url"
	"strings"
)

// slackMessage is what Slack's incoming webhooks take. Nothing in it is read as
// markup, and no page is fetched for a preview.
type slackMessage struct {
	Text        string `json:"text"`
	Markdown    bool   `json:"mrkdwn"`
	UnfurlLinks bool   `json:"unfurl_links"`
	UnfurlMedia bool   `json:"unfurl_media"`
}

// slackEscapes are the three characters that Slack asks to escape: without
// them there is no mention and no link, whatever the text says.
var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func slackBody(m Message) []byte {
	text := unlinked(oneLine(m.Text, maxText))
	if link := m.link(); link != "" {
		text += "\n" + link
	}
	return marshal(slackMessage{Text: slackEscapes.Replace(text)})
}

// discordMessage is what Discord's webhooks take. No text in it mentions
// anybody, and no page is fetched for a preview.
type discordMessage struct {
	Content         string          `json:"content"` // at most 2,000 characters
	AllowedMentions discordMentions `json:"allowed_mentions"`
	Flags           int             `json:"flags"`
}

type discordMentions struct {
	Parse []string `json:"parse"` // must be an empty list: null would mean all
}

const discordSuppressEmbeds = 1 << 2

// discordMarkup are the characters that begin something in Discord's Markdown:
// emphasis, code, spoilers, headings, quotes, lists, links, mentions, emoji.
const discordMarkup = "\\*_~`|#>-+[]()<:/@"

func discordBody(m Message) []byte {
	var content strings.Builder
	for _, r := range oneLine(m.Text, maxText) {
		if strings.ContainsRune(discordMarkup, r) {
			content.WriteByte('\\')
		}
		content.WriteRune(r)
	}
	if link := m.link(); link != "" {
		content.WriteString("\n" + link)
	}
	return marshal(discordMessage{
		Content:         content.String(),
		AllowedMentions: discordMentions{Parse: []string{}},
		Flags:           discordSuppressEmbeds,
	})
}

// maxLink bounds a link, in bytes, so that it fits beside a sentence.
const maxLink = 180

// link returns the dashboard's URL as it may stand in a message, "" if it is
// none or a long one.
func (m Message) link() string {
	u, err := url.Parse(m.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return ""
	}
	if link := u.String(); len(link) <= maxLink && !strings.ContainsAny(link, "<>|") {
		return oneLine(link, maxLink)
	}
	return ""
}

// marshal is for what cannot fail: strings, numbers and lists of them.
func marshal(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return body
}
