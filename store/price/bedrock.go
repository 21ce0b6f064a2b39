package price

import (
	"regexp"
	"strings"
)

// bedrockName is a model's id on AWS Bedrock: the vendor, and before it maybe
// the region group of an inference profile.
var bedrockName = regexp.MustCompile(`^(?:(?:us|us-gov|eu|apac|jp|au|ca|sa|me|global)\.)?` +
	`(anthropic|amazon|meta|mistral|cohere|ai21|deepseek|qwen|openai|google|nvidia|writer|minimax|moonshot|moonshotai|zai|stability|twelvelabs)\.[a-z0-9]`)

func isBedrockName(model string) bool { return bedrockName.MatchString(model) }

func isBedrockARN(model string) bool {
	return strings.HasPrefix(model, "arn:aws") && strings.Contains(model, ":bedrock:")
}

// sells says whether the provider is the vendor that a Bedrock name tells.
func (t *Table) sells(provider, model string) bool {
	vendor := bedrockName.FindStringSubmatch(model)
	return provider != "" && t.canonical(vendor[1]) == provider
}

// unwrapBedrock takes away the route (`converse/`, `us-east-1/`) or all that
// leads an ARN, and then the region group. Throughput that was bought for a
// time is not paid by the token.
func unwrapBedrock(r *request, name string) {
	if sent := r.names[0]; strings.Contains(sent, "-commitment/") || strings.Contains(sent, "provisioned-model/") {
		r.provider, r.sent = "", "provisioned"
		return
	}
	name = lastPart(name)
	r.add(name)
	if _, rest, cut := strings.Cut(name, "."); cut && isBedrockName(rest) {
		r.add(rest)
	}
}
