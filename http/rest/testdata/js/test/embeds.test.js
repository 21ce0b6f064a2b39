import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { newId, service } from '../support/clients.js'
import { sixLogs } from '../support/fixture.js'
import { failsAs, rows, succeeds } from '../support/results.js'

let user, idle, email, lone
before(async () => {
  user = await sixLogs()
  email = `${user}@example.org`
  idle = newId('idle') // has no logs
  lone = newId('lone') // a log that belongs to nobody
  await rows(service.from('user_profiles').insert({ user_id: idle, email: 'idle@example.org' }))
  await rows(service.from('request_logs').insert({ litellm_call_id: lone, model: 'lone' }))
  await rows(service.from('tokens_usage').insert([
    { user_profile_id: user, period_start: '2026-01-01', period_end: '2026-02-01', total_tokens: 30 },
    { user_profile_id: user, period_start: '2026-02-01', period_end: '2026-03-01', total_tokens: 70 },
  ]))
})

const logs = (columns, options) => service.from('request_logs').select(columns, options).eq('user_profile_id', user).order('id')
const profiles = (columns, options) => service.from('user_profiles').select(columns, options).in('user_id', [user, idle]).order('user_id', { ascending: false })

test('to-one: an object', async () => {
  const [first] = await rows(logs('model, user_profiles(user_id, email)').limit(1))
  assert.deepEqual(first, { model: 'alpha', user_profiles: { user_id: user, email } })
})

test('to-one: null where there is none', async () => {
  const query = service.from('request_logs').select('model, user_profiles(email)').eq('litellm_call_id', lone)
  assert.deepEqual(await rows(query), [{ model: 'lone', user_profiles: null }])
})

test('to-many: an array, empty where there is none', async () => {
  assert.deepEqual(await rows(profiles('email, tokens_usage(total_tokens)').order('period_start', { referencedTable: 'tokens_usage' })), [
    { email, tokens_usage: [{ total_tokens: 30 }, { total_tokens: 70 }] },
    { email: 'idle@example.org', tokens_usage: [] },
  ])
})

const onChild = [
  ['filter', (q) => q.eq('request_logs.status', 'failure'), ['Beta'], []],
  ['or', (q) => q.or('model.eq.alpha,model.eq.Beta', { referencedTable: 'request_logs' }).order('id', { referencedTable: 'request_logs' }), ['alpha', 'Beta'], []],
  ['order and limit', (q) => q.order('tokens_used', { referencedTable: 'request_logs', ascending: false, nullsFirst: false }).limit(2, { referencedTable: 'request_logs' }), ['50%_off', 'd"e'], []],
  ['range', (q) => q.order('id', { referencedTable: 'request_logs' }).range(1, 2, { referencedTable: 'request_logs' }), ['Beta', 'gamma, (c)'], []],
]
for (const [name, build, ...want] of onChild) {
  test(`${name} on the embedded rows keeps the parents`, async () => {
    const found = await rows(build(profiles('user_id, request_logs(model)')))
    assert.deepEqual(found.map((p) => p.request_logs.map((l) => l.model)), want)
  })
}

test('a filter on a to-one embed leaves null, and with !inner drops the parent', async () => {
  const kept = await rows(logs('model, user_profiles(email)').eq('user_profiles.email', 'somebody else').limit(1))
  assert.deepEqual(kept, [{ model: 'alpha', user_profiles: null }])
  assert.deepEqual(await rows(logs('model, user_profiles!inner(email)').eq('user_profiles.email', 'somebody else')), [])
})

test('!inner counts too', async () => {
  await succeeds(profiles('user_id', { count: 'exact' }), { count: 2 })
  const inner = profiles('user_id, request_logs!inner(model)', { count: 'exact' }).eq('request_logs.status', 'failure')
  await succeeds(inner, { count: 1, status: 200, data: [{ user_id: user, request_logs: [{ model: 'Beta' }] }] })
})

test('an embed that must be there, or must not', async () => {
  const ids = (found) => found.map((p) => p.user_id)
  assert.deepEqual(ids(await rows(profiles('user_id, request_logs()').not('request_logs', 'is', null))), [user])
  assert.deepEqual(ids(await rows(profiles('user_id, request_logs()').is('request_logs', null))), [idle])
})

test('an alias names the embed, also in parameters', async () => {
  const found = await rows(profiles('user_id, failed:request_logs(model)').eq('failed.status', 'failure'))
  assert.deepEqual(found, [{ user_id: user, failed: [{ model: 'Beta' }] }, { user_id: idle, failed: [] }])
})

test('a hint names the foreign key', async () => {
  const want = [{ model: 'alpha', user_profiles: { email } }]
  assert.deepEqual(await rows(logs('model, user_profiles!request_logs_user_profile_id_fkey(email)').limit(1)), want)
  assert.deepEqual(await rows(logs('model, user_profiles!user_profile_id(email)').limit(1)), want)
})

test('a spread puts the columns among the parent\'s', async () => {
  assert.deepEqual(await rows(logs('model, ...user_profiles(owner:email)').limit(1)), [{ model: 'alpha', owner: email }])
})

test('embeds nest', async () => {
  const query = logs('model, user_profiles(user_id, tokens_usage(total_tokens))').limit(1)
    .gt('user_profiles.tokens_usage.total_tokens', 50)
  assert.deepEqual(await rows(query), [{ model: 'alpha', user_profiles: { user_id: user, tokens_usage: [{ total_tokens: 70 }] } }])
})

test('order by a column of a to-one embed', async () => {
  const found = await rows(service.from('request_logs').select('litellm_call_id, user_profiles(email)')
    .in('litellm_call_id', [lone, `${user}-a`]).order('user_profiles(email)', { nullsFirst: true }))
  assert.deepEqual(found.map((l) => l.user_profiles), [null, { email }])
})

test('what cannot be embedded is told', async () => {
  await failsAs(logs('model, nothing(id)'), 400, 'PGRST200')
  await failsAs(service.from('tokens_usage').select('id, request_logs(id)'), 400, 'PGRST200')
  await failsAs(logs('model').eq('user_profiles.email', 'x'), 400, 'PGRST108')
  await failsAs(logs('model, user_profiles(colour)'), 400, '42703')
})
