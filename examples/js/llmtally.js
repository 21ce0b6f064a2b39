// llmtally by way of supabase-js: the functions that a program which used
// Supabase for its request logs has, unchanged but for the address.
//
//   import { connect } from './llmtally.js'
//   const llmtally = connect()
//   await llmtally.logRequest('openai/gpt-4o', 'ann', { prompt_tokens: 120, completion_tokens: 185 })
//   console.log(await llmtally.getUserAnalytics('ann'))
//
// What a call may see depends on the key: the service key sees every user, a
// user's token sees that user, and the anon key may log and nothing else.
// A user that is not known, or has no requests, is an answer and not an error.
import { randomUUID } from 'node:crypto'
import { createClient } from '@supabase/supabase-js'

// connect returns the functions for a server and a key; by default those that
// LLMTALLY_URL and LLMTALLY_KEY name. Errors are thrown.
export function connect({
  url = process.env.LLMTALLY_URL ?? 'http://127.0.0.1:8787',
  key = process.env.LLMTALLY_KEY,
} = {}) {
  if (!key) throw new Error('no key: set LLMTALLY_KEY (llmtally keys prints them) or pass one')
  const supabase = createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: class {} }, // Node before 22 has no WebSocket; none is needed
  })

  // logRequest logs one request and returns its call id. columns are those of
  // request_logs: total_cost in USD, response_time in seconds, messages,
  // response… Repeating a call id changes nothing, so after a lost connection
  // send it again.
  async function logRequest(model, userId, columns = {}) {
    const log = { litellm_call_id: randomUUID(), status: 'success', ...columns, model }
    if (userId != null) log.end_user = userId
    await supabase.from('request_logs')
      .upsert(log, { onConflict: 'litellm_call_id', ignoreDuplicates: true }).throwOnError()
    return log.litellm_call_id
  }

  // getUserAnalytics returns a user's totals.
  async function getUserAnalytics(userId) {
    const { data } = await supabase.from('user_request_analytics').select().eq('user_id', userId).maybeSingle().throwOnError()
    return data ?? { ...noRequests, user_id: userId }
  }

  // getUserRequestHistory returns a user's requests, newest first.
  async function getUserRequestHistory(userId, { limit = 50, offset = 0 } = {}) {
    const { data } = await supabase
      .rpc('get_user_request_history', { p_user_id: userId, p_limit: limit, p_offset: offset }).throwOnError()
    return data
  }

  // getUserTokenBreakdown returns tokens and cost by model and provider, most
  // tokens first.
  async function getUserTokenBreakdown(userId) {
    const { data } = await supabase.rpc('get_user_token_breakdown', { p_user_id: userId }).throwOnError()
    return data
  }

  // getUserMonthlyUsage returns the months (UTC) that a user has requests in,
  // oldest first.
  async function getUserMonthlyUsage(userId) {
    const { data } = await supabase.from('monthly_token_usage').select()
      .eq('user_profile_id', userId).order('period_start').throwOnError()
    return data
  }

  // getRecentUserActivity returns the newest requests of all users whom the key
  // may see.
  async function getRecentUserActivity({ limit = 20 } = {}) {
    const { data } = await supabase.from('user_recent_activity').select()
      .order('request_time', { ascending: false }).limit(limit).throwOnError()
    return data
  }

  // getUserDashboardData returns what a user's page shows.
  async function getUserDashboardData(userId) {
    const [summary, recent_activity, usage_breakdown] = await Promise.all([
      getUserAnalytics(userId), getUserRequestHistory(userId, { limit: 10 }), getUserTokenBreakdown(userId),
    ])
    return { summary, recent_activity, usage_breakdown }
  }

  // getAdminOverview returns all users at a glance. It needs the service key.
  async function getAdminOverview() {
    const [recent_activity, { data: user_summaries }] = await Promise.all([
      getRecentUserActivity({ limit: 50 }), supabase.from('user_request_analytics').select().throwOnError(),
    ])
    return {
      recent_activity,
      user_summaries,
      total_users: user_summaries.length,
      active_users: user_summaries.filter((user) => user.total_requests > 0).length,
    }
  }

  // analyzeUserCosts returns where a user's money goes, in USD.
  async function analyzeUserCosts(userId) {
    const breakdown = await getUserTokenBreakdown(userId)
    const cost_by_model = sumBy(breakdown, 'model')
    const total_cost = Object.values(cost_by_model).reduce((a, b) => a + b, 0)
    const [[dearest] = [null]] = Object.entries(cost_by_model).sort(([, a], [, b]) => b - a)
    return {
      total_cost,
      most_expensive_model: total_cost > 0 ? dearest : null,
      cost_by_provider: sumBy(breakdown, 'provider'),
      cost_by_model,
    }
  }

  return {
    logRequest, getUserAnalytics, getUserRequestHistory, getUserTokenBreakdown, getUserMonthlyUsage,
    getRecentUserActivity, getUserDashboardData, getAdminOverview, analyzeUserCosts,
  }
}

const noRequests = {
  email: null, full_name: null, subscription_tier: null, total_tokens_counter: 0, total_requests: 0,
  successful_requests: 0, failed_requests: 0, total_tokens_from_logs: 0, total_cost: 0, avg_response_time: null,
  most_used_model: null, most_used_provider: null, last_request_time: null,
}

function sumBy(breakdown, column) {
  const sums = {}
  for (const row of breakdown) {
    const name = row[column] || 'unknown'
    sums[name] = (sums[name] ?? 0) + (row.total_cost ?? 0)
  }
  return sums
}
