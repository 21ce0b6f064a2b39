import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { anonKey, service, url } from '../support/clients.js'
import { labels, sixLogs } from '../support/fixture.js'
import { fails, failsAs, rows, succeeds } from '../support/results.js'

let user
before(async () => { user = await sixLogs() })

const logs = (columns, options) => service.from('request_logs').select(columns, options).eq('user_profile_id', user)
const one = (label, columns) => logs(columns).eq('litellm_call_id', `${user}-${label}`).single()

test('select without columns shows every published column', async () => {
  const [row] = await rows(logs().eq('model', 'alpha'))
  assert.deepEqual(Object.keys(row), [
    'id', 'created_at', 'user_profile_id', 'end_user', 'provider', 'model', 'status', 'litellm_call_id', 'response_time',
    'tokens_used', 'prompt_tokens', 'completion_tokens', 'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens',
    'total_cost', 'prompt_cost_per_token', 'completion_cost_per_token', 'messages', 'response', 'error', 'additional_details',
  ])
  assert.equal(row.created_at, '2026-01-01T10:00:00+00:00')
  assert.equal(row.response_time, 0.5)
  assert.deepEqual(row.messages, [{ role: 'user', content: 'hi' }])
  assert.deepEqual(row.error, {})
})

const columns = [
  ['a list, with white space', 'a', ' model ,  tokens_used ', { model: 'alpha', tokens_used: 10 }],
  ['an alias', 'a', 'name:model', { name: 'alpha' }],
  ['a cast', 'a', 'tokens_used::text, total_cost::text', { tokens_used: '10', total_cost: '0.5' }],
  ['an alias with a cast', 'a', 'n:tokens_used::text', { n: '10' }],
  ['a JSON path', 'a', 'response->deep', { deep: { n: 1, name: 'one' } }],
  ['a deeper JSON path', 'a', 'response->deep->n', { n: 1 }],
  ['a JSON path as text', 'a', 'response->deep->>n', { n: '1' }],
  ['a JSON path with an index', 'a', 'second:response->tags->>1', { second: 'blue' }],
  ['a path that is not there', 'a', 'response->nothing->>here', { here: null }],
  ['JSON that is a string', 'd', 'response', { response: 'plain text' }],
  ['JSON that is an array', 'e', 'response', { response: ['x', { y: 1 }] }],
  ['a time with a fraction', 'd', 'created_at', { created_at: '2026-02-02T10:00:00.123456+00:00' }],
  ['a time of another zone', 'e', 'created_at', { created_at: '2026-03-01T08:00:00+00:00' }],
  ['text beyond ASCII', 'f', 'model', { model: 'ünï côde + plus & amp' }],
  ['nulls', 'f', 'tokens_used,total_cost', { tokens_used: null, total_cost: null }],
]
for (const [name, label, list, want] of columns) {
  test(`select: ${name}`, async () => assert.deepEqual(await rows(one(label, list)), want))
}

const orders = [
  ['ascending, nulls last', (q) => q.order('tokens_used'), 'abcdef'],
  ['descending, nulls first', (q) => q.order('tokens_used', { ascending: false }), 'fedcba'],
  ['ascending, nulls first', (q) => q.order('tokens_used', { nullsFirst: true }), 'fabcde'],
  ['descending, nulls last', (q) => q.order('tokens_used', { ascending: false, nullsFirst: false }), 'edcbaf'],
  ['two columns', (q) => q.order('status', { ascending: false }).order('tokens_used', { ascending: false }), 'fdcabe'],
  ['text by its bytes', (q) => q.order('provider').order('id', { ascending: false }), 'edcfba'],
  ['a JSON path', (q) => q.order('response->>id', { ascending: false, nullsFirst: false }).order('id'), 'cabdef'],
  ['time', (q) => q.order('created_at', { ascending: false }), 'fedcba'],
  ['limit', (q) => q.order('id').limit(2), 'ab'],
  ['limit 0', (q) => q.order('id').limit(0), ''],
  ['range', (q) => q.order('id').range(1, 3), 'bcd'],
  ['range over the end', (q) => q.order('id').range(4, 99), 'ef'],
  ['range behind the end', (q) => q.order('id').range(50, 99), ''],
]
for (const [name, build, want] of orders) {
  test(`order: ${name}`, async () => assert.equal(labels(await rows(build(logs('litellm_call_id')))), want))
}

test('single takes exactly one row', async () => {
  await succeeds(one('a', 'model'), { data: { model: 'alpha' }, status: 200 })
  await fails(one('z', 'model'), 406, {
    code: 'PGRST116', message: 'Cannot coerce the result to a single JSON object', details: 'The result contains 0 rows',
  })
  await fails(logs('model').single(), 406, { code: 'PGRST116', details: 'The result contains 6 rows' })
  await succeeds(logs('model').order('id').limit(1).single(), { data: { model: 'alpha' } })
})

test('maybeSingle takes one row or none', async () => {
  await succeeds(logs('model').eq('model', 'alpha').maybeSingle(), { data: { model: 'alpha' }, status: 200 })
  await succeeds(logs('model').eq('model', 'nothing').maybeSingle(), { data: null, status: 200 })
  await fails(logs('model').maybeSingle(), 406, { code: 'PGRST116' })
})

test('csv has a header and a line for each row', async () => {
  const text = await rows(logs('model,total_cost,messages').order('id').limit(4).csv())
  assert.equal(text, [
    'model,total_cost,messages',
    'alpha,0.5,"[{""role"":""user"",""content"":""hi""}]"',
    'Beta,,"[{""role"":""user"",""content"":""hello""}]"',
    '"gamma, (c)",0.25,"""hello"""',
    '"d""e",0.125,{}',
  ].join('\n'))
})

test('csv of no rows is a newline', async () => {
  assert.equal(await rows(logs('model').eq('model', 'nothing').csv()), '\n')
})

for (const kind of ['exact', 'planned', 'estimated']) {
  test(`count: ${kind}`, async () => {
    await succeeds(logs('model', { count: kind }).eq('status', 'success'), { count: 4, status: 200 })
    await succeeds(logs('model', { count: kind, head: true }), { count: 6, status: 200, data: null })
  })
}

test('a count with a part of the rows is 206, and 416 behind the end', async () => {
  const { data } = await succeeds(logs('model', { count: 'exact' }).limit(2), { count: 6, status: 206 })
  assert.equal(data.length, 2)
  await succeeds(logs('model', { count: 'exact' }).range(6, 9), { data: [], count: 6, status: 206 })
  await fails(logs('model', { count: 'exact' }).range(7, 9), 416, {
    code: 'PGRST103', message: 'Requested range not satisfiable',
    details: 'An offset of 7 was requested, but there are only 6 rows.',
  })
})

test('head without a count says only that it works', async () => {
  await succeeds(logs('model', { head: true }), { data: null, count: null, status: 200 })
})

test('stripNulls leaves members out that are null', async () => {
  assert.deepEqual(await rows(logs('model,total_cost').eq('model', 'Beta').stripNulls()), [{ model: 'Beta' }])
  assert.deepEqual(await rows(one('b', 'model,total_cost').stripNulls()), { model: 'Beta' })
})

test('throwOnError throws the error', async () => {
  const query = service.from('nothing').select().throwOnError()
  await assert.rejects(async () => query, { name: 'PostgrestError', code: 'PGRST205' })
})

test('what is unknown is told by name', async () => {
  await fails(service.from('nothing').select(), 404, {
    code: 'PGRST205', message: "Could not find the table 'public.nothing' in the schema cache",
  })
  await fails(logs('colour'), 400, { code: '42703', message: 'column request_logs.colour does not exist' })
  await failsAs(logs().eq('colour', 'red'), 400, '42703')
  await failsAs(logs().order('colour'), 400, '42703')
  await failsAs(logs('model,'), 400, 'PGRST100')
  await failsAs(logs().filter('model', 'resembles', 'x'), 400, 'PGRST100')
  await failsAs(logs().or('model.eq'), 400, 'PGRST100')
  await failsAs(logs('tokens_used.sum()'), 400, 'PGRST123')
  await failsAs(logs().eq('tokens_used', 'many'), 400, '22P02')
  await failsAs(logs().eq('created_at', 'some day'), 400, '22007')
  await failsAs(service.schema('private').from('request_logs').select(), 406, 'PGRST106')
  await failsAs(logs().explain(), 406, 'PGRST107')
})

test('a column that is not published does not exist', async () => {
  await failsAs(logs('cost_nano'), 400, '42703')
  await failsAs(service.from('usage_totals').select(), 404, 'PGRST205')
})

test('a browser of any origin may ask', async () => {
  const preflight = await fetch(`${url}/rest/v1/request_logs`, {
    method: 'OPTIONS',
    headers: {
      Origin: 'https://app.example.org', 'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'apikey,authorization,content-profile,content-type,prefer,x-client-info',
    },
  })
  assert.equal(preflight.status, 200)
  assert.equal(preflight.headers.get('access-control-allow-origin'), '*')
  const allowed = preflight.headers.get('access-control-allow-headers').toLowerCase()
  for (const name of ['apikey', 'authorization', 'content-profile', 'content-type', 'prefer', 'x-client-info']) {
    assert.ok(allowed.includes(name), name)
  }
  const answer = await fetch(`${url}/rest/v1/request_logs?limit=1`, { headers: { apikey: anonKey } })
  assert.equal(answer.headers.get('access-control-allow-origin'), '*')
  assert.match(answer.headers.get('access-control-expose-headers'), /Content-Range/)
})
