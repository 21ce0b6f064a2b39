// Tests of llmtally.js against a running server: set LLMTALLY_URL and
// LLMTALLY_KEY (the service key, of a server for tests), then: node --test
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { connect } from './llmtally.js'

const llmtally = connect()
const newUser = () => `user/${randomUUID()} ü?`

test('a user without requests is an answer', async () => {
  const user = newUser()
  assert.equal((await llmtally.getUserAnalytics(user)).total_requests, 0)
  assert.deepEqual(await llmtally.getUserMonthlyUsage(user), [])
  const dashboard = await llmtally.getUserDashboardData(user)
  assert.deepEqual([dashboard.recent_activity, dashboard.usage_breakdown], [[], []])
  assert.deepEqual(await llmtally.analyzeUserCosts(user),
    { total_cost: 0, most_expensive_model: null, cost_by_provider: {}, cost_by_model: {} })
})

test('an unknown user has the same members as a known one', async () => {
  const user = newUser()
  const empty = await llmtally.getUserAnalytics(user)
  await llmtally.logRequest('m', user)
  assert.deepEqual(Object.keys(empty).sort(), Object.keys(await llmtally.getUserAnalytics(user)).sort())
})

test('totals, history, breakdown, months and costs agree', async () => {
  const user = newUser()
  const at = (month) => ({ created_at: `2026-0${month}-10T12:00:00Z` })
  await llmtally.logRequest('openai/m', user, { ...at(1), prompt_tokens: 60, completion_tokens: 40, total_cost: 0.25 })
  await llmtally.logRequest('openai/m', user, { ...at(2), prompt_tokens: 100, completion_tokens: 0, total_cost: 0.25 })
  await llmtally.logRequest('anthropic/n', user, { ...at(2), tokens_used: 50, total_cost: 1, status: 'failure' })
  const { summary, recent_activity, usage_breakdown } = await llmtally.getUserDashboardData(user)
  assert.deepEqual([summary.total_requests, summary.failed_requests, summary.total_tokens_from_logs, summary.total_cost], [3, 1, 250, 1.5])
  assert.deepEqual(recent_activity.map((row) => row.model), ['anthropic/n', 'openai/m', 'openai/m'])
  assert.deepEqual(usage_breakdown.map((row) => [row.model, row.total_tokens]), [['openai/m', 200], ['anthropic/n', 50]])
  assert.deepEqual((await llmtally.getUserMonthlyUsage(user)).map((month) => month.total_tokens), [100, 150])
  assert.deepEqual(await llmtally.analyzeUserCosts(user), {
    total_cost: 1.5, most_expensive_model: 'anthropic/n',
    cost_by_provider: { openai: 0.5, anthropic: 1 }, cost_by_model: { 'openai/m': 0.5, 'anthropic/n': 1 },
  })
  const page = await llmtally.getUserRequestHistory(user, { limit: 1, offset: 1 })
  assert.deepEqual(page.map((row) => row.total_cost), [0.25])
})

test('the same call counts once', async () => {
  const user = newUser()
  const id = await llmtally.logRequest('m', user, { tokens_used: 10 })
  assert.equal(await llmtally.logRequest('m', user, { litellm_call_id: id, tokens_used: 99 }), id)
  const totals = await llmtally.getUserAnalytics(user)
  assert.deepEqual([totals.total_requests, totals.total_tokens_counter], [1, 10])
})

test('a refusal is thrown, with its reason', async () => {
  await assert.rejects(llmtally.logRequest('m', newUser(), { prompt_tokens: 'many' }), { code: '22P02' })
  await assert.rejects(connect({ key: 'not.a.token' }).getRecentUserActivity(), { code: 'PGRST301' })
  assert.throws(() => connect({ key: '' }), /LLMTALLY_KEY/)
})
