import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anon, newId, service } from '../support/clients.js'
import { fails, failsAs, rows, succeeds } from '../support/results.js'

const logs = () => service.from('request_logs')
const profiles = () => service.from('user_profiles')
const byCall = { onConflict: 'litellm_call_id' }
const stored = (id, columns = '*') => rows(logs().select(columns).eq('litellm_call_id', id).single())

test('on the primary key: 201 for a new row, 200 for an old one', async () => {
  const user = newId('user')
  await succeeds(profiles().upsert({ user_id: user, email: 'a@example.org', full_name: 'Ann' }), { status: 201, data: null })
  await succeeds(profiles().upsert({ user_id: user, email: 'b@example.org' }).select('email, full_name'),
    { status: 200, data: [{ email: 'b@example.org', full_name: 'Ann' }] })
})

test('old and new rows together: 201, and all are shown', async () => {
  const [a, b] = [newId('user'), newId('user')]
  await rows(profiles().insert({ user_id: a }))
  const { data } = await succeeds(profiles().upsert([{ user_id: a, email: 'a' }, { user_id: b, email: 'b' }]).select('email'), { status: 201 })
  assert.deepEqual(data.map((p) => p.email).sort(), ['a', 'b'])
})

test('on several columns', async () => {
  const user = newId('user')
  await rows(profiles().insert({ user_id: user }))
  const month = { user_profile_id: user, period_type: 'monthly', period_start: '2026-01-01', period_end: '2026-02-01' }
  const conflict = { onConflict: 'user_profile_id,period_type,period_start' }
  const usage = () => service.from('tokens_usage')
  await succeeds(usage().upsert({ ...month, total_tokens: 1, model_breakdown: { m: 1 } }, conflict), { status: 201 })
  await succeeds(usage().upsert({ ...month, total_tokens: 2 }, conflict), { status: 200 })
  assert.deepEqual(await rows(usage().select('total_tokens, model_breakdown').eq('user_profile_id', user)),
    [{ total_tokens: 2, model_breakdown: { m: 1 } }])
})

test('ignoreDuplicates keeps what is there and shows what is new', async () => {
  const [a, b] = [newId(), newId()]
  await rows(logs().insert({ litellm_call_id: a, model: 'old', status: 'success' }))
  const given = [{ litellm_call_id: a, model: 'new' }, { litellm_call_id: b, model: 'new' }]
  await succeeds(logs().upsert(given, { ...byCall, ignoreDuplicates: true }).select('litellm_call_id'),
    { status: 201, data: [{ litellm_call_id: b }] })
  assert.equal((await stored(a)).model, 'old')
  await succeeds(logs().upsert(given, { ...byCall, ignoreDuplicates: true }).select(), { status: 201, data: [] })
})

test('an upsert that updates counts the tokens once', async () => {
  const [id, user] = [newId(), newId('user')]
  for (const tokens of [100, 100, 70]) {
    await rows(logs().upsert({ litellm_call_id: id, user_profile_id: user, model: 'm', status: 'success', tokens_used: tokens, total_cost: 0.5 }, byCall))
  }
  const [totals] = await rows(service.from('user_request_analytics').select().eq('user_id', user))
  assert.deepEqual([totals.total_requests, totals.total_tokens_from_logs, totals.total_tokens_counter, totals.total_cost], [1, 70, 70, 0.5])
})

test('an upsert sets the columns it names and leaves the others', async () => {
  const id = newId()
  await rows(logs().insert({ litellm_call_id: id, model: 'm', messages: ['hi'], status: 'success', end_user: '' }))
  await succeeds(logs().upsert({ litellm_call_id: id, status: 'failure' }, byCall), { status: 200 })
  assert.deepEqual(await stored(id, 'model, messages, status'), { model: 'm', messages: ['hi'], status: 'failure' })
})

test('defaultToNull false and count', async () => {
  const [a, b] = [newId('user'), newId('user')]
  const given = [{ user_id: a, subscription_tier: 'pro' }, { user_id: b }]
  const { data } = await succeeds(profiles().upsert(given, { defaultToNull: false, count: 'exact' }).select('user_id, subscription_tier'),
    { status: 201, count: 2 })
  assert.equal(data.find((p) => p.user_id === b).subscription_tier, 'free')
})

test('a conflict on columns that are not unique', async () => {
  await fails(logs().upsert({ litellm_call_id: newId(), model: 'm' }, { onConflict: 'model' }), 400, {
    code: '42P10', message: 'there is no unique or exclusion constraint matching the ON CONFLICT specification',
  })
})

test('one row twice', async () => {
  const user = newId('user')
  await failsAs(profiles().upsert([{ user_id: user, email: 'a' }, { user_id: user, email: 'b' }]), 500, '21000')
  await succeeds(profiles().select().eq('user_id', user), { data: [] })
})

test('upsert with rollback changes nothing', async () => {
  const user = newId('user')
  await rows(profiles().insert({ user_id: user, email: 'old' }))
  assert.deepEqual(await rows(profiles().upsert({ user_id: user, email: 'new' }).select('email').rollback()), [{ email: 'new' }])
  assert.deepEqual(await rows(profiles().select('email').eq('user_id', user)), [{ email: 'old' }])
})

// LiteLLM's callback: a start, then an end.
for (const [name, client] of [['the anon key', anon], ['the service key', service]]) {
  test(`a request's start and end, as LiteLLM sends them with ${name}`, async () => {
    const id = newId()
    const messages = [{ role: 'user', content: 'hi' }]
    const start = { model: 'm', messages, end_user: '', status: 'initiated', litellm_call_id: id }
    const begun = await succeeds(client.from('request_logs').insert(start).select(), { status: 201 })
    assert.equal(begun.data.length, 1)
    assert.equal(begun.data[0].status, 'initiated')
    const end = {
      response_time: 1.25, model: 'm', total_cost: 0.001, messages, response: 'ModelResponse(id=1)', end_user: '',
      litellm_call_id: id, status: 'success',
    }
    const ended = await rows(client.from('request_logs').upsert(end, byCall).select())
    assert.equal(ended.length, 1)
    assert.deepEqual(await stored(id, 'status, response_time, total_cost, response, messages'),
      { status: 'success', response_time: 1.25, total_cost: 0.001, response: 'ModelResponse(id=1)', messages })
  })

  test(`an end without a start, and a failure, with ${name}`, async () => {
    const id = newId()
    const end = { model: 'm', messages: 'hi', error: 'timeout', end_user: '', litellm_call_id: id, status: 'failure', total_cost: 0, response_time: 2 }
    await succeeds(client.from('request_logs').upsert(end, byCall).select(), { status: 201 })
    assert.deepEqual(await stored(id, 'status, error, messages'), { status: 'failure', error: 'timeout', messages: 'hi' })
    const { error } = await client.from('request_logs').upsert(end, byCall).select()
    assert.equal(error, null, 'sending it again is no error')
    await succeeds(logs().select('id', { count: 'exact', head: true }).eq('litellm_call_id', id), { count: 1 })
  })
}
