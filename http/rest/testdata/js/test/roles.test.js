import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { anon, anonKey, inSeconds, newId, service, serviceKey, sign, url, user as signedIn, withHeader, withToken } from '../support/clients.js'
import { labels, sixLogs } from '../support/fixture.js'
import { fails, failsAs, rows, succeeds } from '../support/results.js'

let ann, bob, asAnn
before(async () => {
  [ann, bob] = [await sixLogs(), await sixLogs()]
  asAnn = signedIn(ann)
})

const relations = ['request_logs', 'user_profiles', 'tokens_usage', 'user_request_analytics', 'user_recent_activity', 'monthly_token_usage']
const month = (user) => ({ user_profile_id: user, period_start: '2026-01-01', period_end: '2026-02-01', total_tokens: 30 })

for (const name of relations) {
  test(`anon sees nothing of ${name}`, async () => {
    await succeeds(anon.from(name).select('*', { count: 'exact' }), { data: [], count: 0, status: 200 })
  })
}

test('anon calls functions and gets no rows', async () => {
  await succeeds(anon.rpc('get_user_request_history', { p_user_id: ann }), { data: [] })
  await succeeds(anon.rpc('get_user_token_breakdown', { p_user_id: ann }), { data: [] })
})

test('anon may log, and the answer repeats what was sent', async () => {
  const [id, user] = [newId(), newId('user')]
  await rows(service.from('user_profiles').insert({ user_id: user }))
  await succeeds(anon.from('request_logs').insert({ litellm_call_id: newId(), model: 'm' }), { status: 201, data: null })
  await succeeds(anon.from('request_logs').insert({ litellm_call_id: id, model: 'openai/m', user_profile_id: user }).select(),
    { status: 201, data: [{ litellm_call_id: id, model: 'openai/m', user_profile_id: user }] })
  await succeeds(service.from('request_logs').select('provider').eq('user_profile_id', user), { data: [{ provider: 'openai' }] })
})

test('anon is not told which users exist', async () => {
  const [id, nobody] = [newId(), newId('nobody')]
  await succeeds(anon.from('request_logs').insert({ litellm_call_id: id, user_profile_id: nobody }).select(),
    { status: 201, data: [{ litellm_call_id: id, user_profile_id: nobody }] })
  await succeeds(service.from('request_logs').select('user_profile_id, end_user').eq('litellm_call_id', id),
    { data: [{ user_profile_id: null, end_user: nobody }] })
  await succeeds(service.from('user_profiles').select().eq('user_id', nobody), { data: [] })
})

test('anon cannot change a finished log', async () => {
  const [id, values] = [newId(), { model: 'first', status: 'success' }]
  await rows(service.from('request_logs').insert({ litellm_call_id: id, ...values }))
  await anon.from('request_logs').upsert({ litellm_call_id: id, model: 'second', status: 'failure' }, { onConflict: 'litellm_call_id' })
  assert.deepEqual(await rows(service.from('request_logs').select('model, status').eq('litellm_call_id', id)), [values])
})

test('anon updates and deletes nothing', async () => {
  await succeeds(anon.from('request_logs').update({ model: 'x' }).eq('user_profile_id', ann).select(), { data: [], status: 200 })
  await succeeds(anon.from('request_logs').delete({ count: 'exact' }).eq('user_profile_id', ann), { status: 204, count: 0 })
  await succeeds(service.from('request_logs').select('id', { count: 'exact', head: true }).eq('user_profile_id', ann).neq('model', 'x'), { count: 6 })
})

test('anon writes no profiles and no months: 401', async () => {
  await fails(anon.from('user_profiles').insert({ user_id: newId() }), 401, {
    code: '42501', message: 'new row violates row-level security policy for table "user_profiles"',
  })
  await failsAs(anon.from('user_profiles').upsert({ user_id: ann, email: 'x' }), 401, '42501')
  await failsAs(anon.from('tokens_usage').insert(month(ann)), 401, '42501')
})

test('a user sees their own rows alone', async () => {
  const own = await rows(asAnn.from('request_logs').select('litellm_call_id, user_profile_id').order('id'))
  assert.equal(labels(own), 'abcdef')
  assert.ok(own.every((log) => log.user_profile_id === ann))
  await succeeds(asAnn.from('request_logs').select('*', { count: 'exact' }).eq('user_profile_id', bob), { data: [], count: 0 })
  await succeeds(asAnn.from('user_profiles').select('user_id'), { data: [{ user_id: ann }] })
  await succeeds(asAnn.from('user_request_analytics').select('user_id, total_requests'), { data: [{ user_id: ann, total_requests: 6 }] })
  await succeeds(asAnn.from('user_recent_activity').select('*', { count: 'exact', head: true }), { count: 6 })
  await succeeds(asAnn.from('monthly_token_usage').select('*', { count: 'exact', head: true }), { count: 3 })
})

test('a user sees their own rows alone, also through embeds, functions and conditions', async () => {
  await succeeds(asAnn.from('user_profiles').select('user_id, request_logs(user_profile_id)').limit(1, { referencedTable: 'request_logs' }),
    { data: [{ user_id: ann, request_logs: [{ user_profile_id: ann }] }] })
  await succeeds(asAnn.from('request_logs').select('id').or(`user_profile_id.eq.${bob},model.eq.nothing`), { data: [] })
  await succeeds(asAnn.rpc('get_user_request_history', { p_user_id: bob }), { data: [] })
  await succeeds(asAnn.rpc('get_user_token_breakdown', { p_user_id: bob }), { data: [] })
  assert.equal((await rows(asAnn.rpc('get_user_request_history', { p_user_id: ann }))).length, 6)
})

test('a user logs for themselves and for nobody else', async () => {
  const carol = newId('carol')
  await rows(service.from('user_profiles').insert({ user_id: carol }))
  const asCarol = signedIn(carol)
  await succeeds(asCarol.from('request_logs').insert({ model: 'm', tokens_used: 5 }).select('user_profile_id, tokens_used'),
    { status: 201, data: [{ user_profile_id: carol, tokens_used: 5 }] })
  await fails(asCarol.from('request_logs').insert({ model: 'm', user_profile_id: bob }), 403, {
    code: '42501', message: 'new row violates row-level security policy for table "request_logs"',
  })
  await succeeds(asCarol.from('request_logs').select('*', { count: 'exact', head: true }), { count: 1 })
  await succeeds(asCarol.from('user_profiles').select('tokens_used').single(), { data: { tokens_used: 5 } })
})

test('a user does not change or delete logs', async () => {
  await succeeds(asAnn.from('request_logs').update({ total_cost: 0 }).eq('user_profile_id', ann).select(), { data: [] })
  await succeeds(asAnn.from('request_logs').delete({ count: 'exact' }).eq('user_profile_id', ann), { count: 0 })
  await failsAs(asAnn.from('request_logs').upsert({ litellm_call_id: `${bob}-a`, model: 'x' }, { onConflict: 'litellm_call_id' }), 403, '42501')
  const duplicate = await failsAs(asAnn.from('request_logs').insert({ litellm_call_id: `${bob}-a` }), 409, '23505')
  assert.equal(duplicate.details, null)
})

test('a user changes their own profile, but for what the service decides', async () => {
  await succeeds(asAnn.from('user_profiles').update({ full_name: 'Ann' }).eq('user_id', ann).select('full_name'), { data: [{ full_name: 'Ann' }] })
  await succeeds(asAnn.from('user_profiles').update({ full_name: 'x' }).eq('user_id', bob).select(), { data: [] })
  await failsAs(asAnn.from('user_profiles').update({ subscription_tier: 'pro' }).eq('user_id', ann), 403, '42501')
  await failsAs(asAnn.from('user_profiles').update({ user_id: newId() }).eq('user_id', ann), 403, '42501')
  await failsAs(asAnn.from('user_profiles').insert({ user_id: newId() }), 403, '42501')
  await succeeds(asAnn.from('user_profiles').delete({ count: 'exact' }).eq('user_id', ann), { count: 0 })
})

test('a user keeps their own months', async () => {
  const { data } = await succeeds(asAnn.from('tokens_usage').insert(month(ann)).select('id, total_tokens').single(), { status: 201 })
  await succeeds(asAnn.from('tokens_usage').update({ total_tokens: 40 }).eq('id', data.id).select('total_tokens'), { data: [{ total_tokens: 40 }] })
  await failsAs(asAnn.from('tokens_usage').insert(month(bob)), 403, '42501')
  await failsAs(asAnn.from('tokens_usage').update({ user_profile_id: bob }).eq('id', data.id), 403, '42501')
})

test('a token in a global header counts as well', async () => {
  const token = sign({ role: 'authenticated', sub: bob, exp: inSeconds(60) })
  await succeeds(withHeader(token).from('user_profiles').select('user_id'), { data: [{ user_id: bob }] })
})

const tokens = [
  ['two parts', 'a.b', 'PGRST301', 'Expected 3 parts in JWT; got 2'],
  ['another secret', sign({ role: 'service_role' }, 'x'.repeat(40)), 'PGRST301', 'No suitable key or wrong key type'],
  ['expired', sign({ role: 'authenticated', sub: 'a', exp: inSeconds(-60) }), 'PGRST303', 'JWT expired'],
  ['not yet valid', sign({ role: 'authenticated', sub: 'a', nbf: inSeconds(120) }), 'PGRST303', 'JWT not yet valid'],
  ['issued in the future', sign({ role: 'authenticated', sub: 'a', iat: inSeconds(120) }), 'PGRST303', 'JWT issued at future'],
  ['an end that is text', sign({ role: 'authenticated', sub: 'a', exp: 'soon' }), 'PGRST303', "The JWT 'exp' claim must be a number"],
  ['an unknown role', sign({ role: 'postgres' }), '22023', /postgres/],
  ['a changed payload', forge(serviceKey), 'PGRST301', 'No suitable key or wrong key type'],
]
function forge(token) {
  const [head, , signature] = token.split('.')
  return [head, Buffer.from('{"role":"service_role","sub":"x"}').toString('base64url'), signature].join('.')
}
for (const [name, token, code, message] of tokens) {
  test(`a bad token is 401, on a read, a write and a call: ${name}`, async () => {
    const client = withToken(token)
    for (const query of [client.from('request_logs').select(), client.from('request_logs').insert({ model: 'm' }), client.rpc('get_user_token_breakdown', { p_user_id: 'a' }), client.from('nothing').select()]) {
      await fails(query, 401, { code, message })
    }
  })
}

test('without any key there is 401', async () => {
  const answer = await fetch(`${url}/rest/v1/request_logs`)
  assert.equal(answer.status, 401)
  assert.match(answer.headers.get('www-authenticate'), /^Bearer/)
  assert.equal((await answer.json()).code, 'PGRST302')
})

test('the anon key in apikey alone is enough', async () => {
  const answer = await fetch(`${url}/rest/v1/request_logs`, { headers: { apikey: anonKey } })
  assert.deepEqual([answer.status, await answer.json()], [200, []])
})
