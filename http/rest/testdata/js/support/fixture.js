// Six logs of one user, which differ wherever a query can tell. A log's label is
// the last letter of its call id.
import { newId, service } from './clients.js'
import { rows } from './results.js'

const logs = [
  {
    model: 'alpha', provider: 'openai', status: 'success', tokens_used: 10, total_cost: 0.5, response_time: 0.5,
    created_at: '2026-01-01T10:00:00Z', messages: [{ role: 'user', content: 'hi' }],
    response: { id: 1, tags: ['red', 'blue'], deep: { n: 1, name: 'one' } },
  },
  {
    model: 'Beta', provider: 'openai', status: 'failure', tokens_used: 20, total_cost: null, response_time: 1.5,
    created_at: '2026-01-02T10:00:00Z', messages: [{ role: 'user', content: 'hello' }],
    error: { message: 'rate limited', code: 429 },
  },
  {
    model: 'gamma, (c)', provider: 'anthropic', status: 'success', tokens_used: 30, total_cost: 0.25, response_time: 2,
    created_at: '2026-02-01T10:00:00Z', messages: 'hello', response: { id: 2, tags: ['red'], deep: { n: 2, name: null } },
  },
  {
    model: 'd"e', provider: 'anthropic', status: 'success', tokens_used: 40, total_cost: 0.125, response_time: 0,
    created_at: '2026-02-02T10:00:00.123456Z', response: 'plain text',
  },
  {
    model: '50%_off', provider: '', status: 'error', tokens_used: 50, total_cost: 0, response_time: 3,
    created_at: '2026-03-01T10:00:00+02:00', response: ['x', { y: 1 }],
  },
  {
    model: 'ünï côde + plus & amp', provider: 'azure', status: 'success', tokens_used: null, total_cost: null,
    response_time: 4, created_at: '2026-03-02T10:00:00Z',
  },
]

// sixLogs stores them for a user of its own and returns who that is.
export async function sixLogs() {
  const user = newId('user')
  const stored = logs.map((log, i) => ({
    ...log, user_profile_id: user, end_user: 'fixture', litellm_call_id: `${user}-${'abcdef'[i]}`,
  }))
  await rows(service.from('request_logs').insert(stored, { defaultToNull: false }))
  await rows(service.from('user_profiles').update({ email: `${user}@example.org`, full_name: 'Fixture' }).eq('user_id', user))
  return user
}

// labels returns the labels of logs that were read with their call id.
export function labels(logs) {
  return logs.map((log) => log.litellm_call_id.at(-1)).join('')
}
