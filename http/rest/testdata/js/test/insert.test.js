import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, service } from '../support/clients.js'
import { fails, failsAs, rows, succeeds } from '../support/results.js'

const logs = () => service.from('request_logs')
const stored = (id, columns = '*') => rows(logs().select(columns).eq('litellm_call_id', id).single())

test('one row, nothing asked back', async () => {
  const id = newId()
  await succeeds(logs().insert({ litellm_call_id: id, model: 'm' }), { data: null, status: 201, count: null })
  assert.equal((await stored(id)).model, 'm')
})

test('one row, shown as an array or an object', async () => {
  const [a, b] = [newId(), newId()]
  await succeeds(logs().insert({ litellm_call_id: a, model: 'm' }).select('litellm_call_id, model'),
    { data: [{ litellm_call_id: a, model: 'm' }], status: 201 })
  await succeeds(logs().insert({ litellm_call_id: b }).select('litellm_call_id').single(),
    { data: { litellm_call_id: b }, status: 201 })
})

test('the row shown has what the server filled in', async () => {
  const row = await rows(logs().insert({
    litellm_call_id: newId(), model: 'openai/m-1', end_user: newId('user'), status: 'SUCCESS',
    response: { usage: { prompt_tokens: 7, completion_tokens: 5 } },
  }).select('*, user_profiles(user_id)').single())
  assert.equal(row.provider, 'openai')
  assert.equal(row.status, 'success')
  assert.deepEqual([row.prompt_tokens, row.completion_tokens, row.tokens_used], [7, 5, 12])
  assert.equal(row.user_profile_id, row.end_user)
  assert.deepEqual(row.user_profiles, { user_id: row.end_user })
  assert.ok(Math.abs(Date.parse(row.created_at) - Date.now()) < 60_000, row.created_at)
})

test('absent columns take the table\'s defaults', async () => {
  const row = await rows(logs().insert({ litellm_call_id: newId() }).select().single())
  assert.deepEqual([row.model, row.provider, row.end_user], ['', '', ''])
  assert.deepEqual([row.messages, row.response, row.error, row.additional_details], [{}, {}, {}, {}])
  assert.deepEqual([row.response_time, row.tokens_used], [0, 0])
  assert.deepEqual([row.total_cost, row.prompt_tokens, row.user_profile_id], [null, null, null])
})

test('several rows with different keys: what a row lacks is null', async () => {
  const [a, b] = [newId(), newId()]
  await succeeds(logs().insert([{ litellm_call_id: a, end_user: '' }, { litellm_call_id: b, model: 'm' }], { count: 'exact' }),
    { status: 201, count: 2 })
  assert.deepEqual(await stored(a, 'model, end_user'), { model: null, end_user: '' })
  assert.deepEqual(await stored(b, 'model, end_user'), { model: 'm', end_user: null })
})

test('several rows with defaultToNull false: what a row lacks is its default', async () => {
  const [a, b] = [newId(), newId()]
  const given = [{ litellm_call_id: a, end_user: '' }, { litellm_call_id: b, messages: ['hi'] }]
  const found = await rows(logs().insert(given, { defaultToNull: false }).select('litellm_call_id, end_user, messages').order('id'))
  assert.deepEqual(found, [{ litellm_call_id: a, end_user: '', messages: {} }, { litellm_call_id: b, end_user: '', messages: ['hi'] }])
})

test('no rows at all is no error', async () => {
  await succeeds(logs().insert([]).select(), { data: [], status: 201 })
})

test('JSON stays what it was', async () => {
  for (const value of [{ b: 1, a: { z: [1, 'x', null, true] } }, ['a', 1], 'text', '{"text": "that looks like JSON"}', 12, false]) {
    const row = await rows(logs().insert({ litellm_call_id: newId(), response: value }).select('response').single())
    assert.deepEqual(row.response, value)
    assert.equal(JSON.stringify(row.response), JSON.stringify(value), 'the order of keys')
  }
})

const typed = [
  ['an integer as text', { tokens_used: '12' }, { tokens_used: 12 }],
  ['a number in a text column', { model: 12.5 }, { model: '12.5' }],
  ['an object in a text column', { end_user: { a: 1 } }, { end_user: '{"a":1}' }],
  ['a time with an offset', { created_at: '2026-05-24T10:52:09.5+02:00' }, { created_at: '2026-05-24T08:52:09.5+00:00' }],
  ['a date', { created_at: '2026-05-24' }, { created_at: '2026-05-24T00:00:00+00:00' }],
  ['a cost with many digits', { total_cost: 0.000123456789 }, { total_cost: 0.000123456789 }],
  ['a cost as text', { total_cost: '0.25' }, { total_cost: 0.25 }],
  ['text beyond ASCII', { model: 'ünï 😀 \u2028 <b>&' }, { model: 'ünï 😀 \u2028 <b>&' }],
]
for (const [name, given, want] of typed) {
  test(`types: ${name}`, async () => {
    const query = logs().insert({ litellm_call_id: newId(), ...given }).select(Object.keys(want).join()).single()
    assert.deepEqual(await rows(query), want)
  })
}

const refused = [
  ['an unknown column', { colour: 'red' }, 400, 'PGRST204', "Could not find the 'colour' column of 'request_logs' in the schema cache"],
  ['text for an integer', { tokens_used: 'many' }, 400, '22P02', 'invalid input syntax for type bigint: "many"'],
  ['a fraction for an integer', { tokens_used: 1.5 }, 400, '22P02', 'invalid input syntax for type bigint: "1.5"'],
  ['a number that is too large', { tokens_used: 99999999999999999999n }, 400, '22003', /out of range/],
  ['a time that is none', { created_at: 'some day' }, 400, '22007', /invalid input syntax/],
]
for (const [name, given, status, code, message] of refused) {
  test(`refused: ${name}, and its neighbours with it`, async () => {
    const neighbour = newId()
    const query = logs().insert([{ litellm_call_id: neighbour }, { litellm_call_id: newId(), ...given }])
    await fails(query, status, { code, message })
    await succeeds(logs().select().eq('litellm_call_id', neighbour), { data: [] })
  })
}

test('a call id that is there already', async () => {
  const id = newId()
  await rows(logs().insert({ litellm_call_id: id, model: 'first', status: 'success' }))
  await fails(logs().insert([{ litellm_call_id: newId() }, { litellm_call_id: id, model: 'second' }]), 409, {
    code: '23505', message: 'duplicate key value violates unique constraint "request_logs_litellm_call_id_key"',
    details: `Key (litellm_call_id)=(${id}) already exists.`,
  })
  assert.equal((await stored(id)).model, 'first')
})

test('a profile that is there already, or has no id', async () => {
  const user = newId('user')
  await succeeds(service.from('user_profiles').insert({ user_id: user }), { status: 201 })
  await failsAs(service.from('user_profiles').insert({ user_id: user }), 409, '23505')
  await fails(service.from('user_profiles').insert({ email: 'x@example.org' }), 400, {
    code: '23502', message: 'null value in column "user_id" of relation "user_profiles" violates not-null constraint',
  })
})

test('a month of a user that is not there', async () => {
  const nobody = newId('nobody')
  const month = { user_profile_id: nobody, period_start: '2026-01-01', period_end: '2026-02-01' }
  await fails(service.from('tokens_usage').insert(month), 409, {
    code: '23503', details: `Key (user_profile_id)=(${nobody}) is not present in table "user_profiles".`,
  })
})

test('insert with single of several rows stores none', async () => {
  const [a, b] = [newId('user'), newId('user')]
  await failsAs(service.from('user_profiles').insert([{ user_id: a }, { user_id: b }]).select().single(), 406, 'PGRST116')
  await succeeds(service.from('user_profiles').select().in('user_id', [a, b]), { data: [] })
})

test('insert with rollback shows the row and stores nothing', async () => {
  const [id, user] = [newId(), newId('user')]
  const shown = await rows(logs().insert({ litellm_call_id: id, model: 'm' }).select('model').rollback())
  assert.deepEqual(shown, [{ model: 'm' }])
  await succeeds(logs().select().eq('litellm_call_id', id), { data: [] })
  await succeeds(service.from('user_profiles').insert({ user_id: user }).rollback(), { status: 201 })
  await succeeds(service.from('user_profiles').select().eq('user_id', user), { data: [] })
})

test('a view takes no rows', async () => {
  const { error, status } = await service.from('user_request_analytics').insert({ user_id: newId() })
  assert.ok(error)
  assert.ok(status >= 400 && status < 500, String(status))
})
