// A tour: logs five requests of two users, and asks what they add up to.
//
//   npm ci
//   export LLMTALLY_KEY=$(llmtally keys | sed -n s/SERVICE_KEY=//p)
//   node tour.js
import { connect } from './llmtally.js'

const llmtally = connect()
const usd = (cost) => `$${cost.toFixed(5)}`

// Call ids of their own: a second tour adds nothing.
const requests = [
  ['openai/gpt-4o', 'tour-ann', {
    litellm_call_id: 'tour-1', created_at: '2026-01-15T09:00:00Z', total_cost: 0.00215, response_time: 0.8,
    messages: [{ role: 'user', content: 'Why is the sky blue?' }], response: { usage: { prompt_tokens: 120, completion_tokens: 185 } },
  }],
  ['openai/gpt-4o', 'tour-ann', {
    litellm_call_id: 'tour-2', created_at: '2026-01-20T09:00:00Z', total_cost: 0.0005, response_time: 0.4,
    prompt_tokens: 40, completion_tokens: 30,
  }],
  ['anthropic/claude-sonnet-4', 'tour-ann', {
    litellm_call_id: 'tour-3', created_at: '2026-02-02T09:00:00Z', total_cost: 0.0039, response_time: 1.2,
    prompt_tokens: 900, completion_tokens: 80,
  }],
  ['openai/gpt-4o', 'tour-ann', {
    litellm_call_id: 'tour-4', created_at: '2026-02-03T09:00:00Z', status: 'failure', total_cost: 0,
    error: { message: 'rate limited' },
  }],
  ['openai/gpt-4o', 'tour-bob', {
    litellm_call_id: 'tour-5', created_at: '2026-02-04T09:00:00Z', total_cost: 0.001, prompt_tokens: 10, completion_tokens: 5,
  }],
]
for (const request of requests) await llmtally.logRequest(...request)

for (const user of ['tour-ann', 'tour-bob', 'tour-nobody']) {
  const { summary, usage_breakdown } = await llmtally.getUserDashboardData(user)
  console.log(`${user}: ${summary.total_requests} requests, ${summary.failed_requests} failed, `
    + `${summary.total_tokens_from_logs} tokens, ${usd(summary.total_cost)}`)
  for (const row of usage_breakdown) {
    console.log(`  ${row.model} (${row.provider}): ${row.total_tokens} tokens in ${row.request_count} requests`)
  }
  for (const month of await llmtally.getUserMonthlyUsage(user)) {
    console.log(`  ${month.period_start.slice(0, 7)}: ${month.request_count} requests, ${usd(month.total_cost)}`)
  }
  const costs = await llmtally.analyzeUserCosts(user)
  console.log(`  most expensive: ${costs.most_expensive_model}`)
}

for (const row of await llmtally.getRecentUserActivity({ limit: 2 })) {
  console.log(`${row.request_time.slice(0, 10)} ${row.user_id}: ${row.model} ${row.status}`)
}
const overview = await llmtally.getAdminOverview()
console.log(`${overview.active_users} of ${overview.total_users} users are active`)
