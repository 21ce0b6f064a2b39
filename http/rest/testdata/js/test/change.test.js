import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { newId, service } from '../support/clients.js'
import { labels, sixLogs } from '../support/fixture.js'
import { fails, failsAs, rows, succeeds } from '../support/results.js'

let user
beforeEach(async () => { user = await sixLogs() })

const mine = (query) => query.eq('user_profile_id', user)
const update = (values, options) => mine(service.from('request_logs').update(values, options))
const remove = (options) => mine(service.from('request_logs').delete(options))
const left = async () => labels(await rows(mine(service.from('request_logs').select('litellm_call_id')).order('id')))
const totals = () => rows(service.from('user_request_analytics').select().eq('user_id', user).single())

test('update, nothing asked back', async () => {
  await succeeds(update({ provider: 'other' }).eq('status', 'success'), { status: 204, data: null, count: null })
  await succeeds(mine(service.from('request_logs').select('id', { count: 'exact', head: true })).eq('provider', 'other'), { count: 4 })
})

test('update with its rows', async () => {
  const query = update({ model: 'delta' }).eq('model', 'alpha').select('model, tokens_used, user_profiles(user_id)')
  await succeeds(query, { status: 200, data: [{ model: 'delta', tokens_used: 10, user_profiles: { user_id: user } }] })
})

test('update with order, single and count', async () => {
  const { data } = await succeeds(update({ provider: 'other' }, { count: 'exact' }).select('model').order('id', { ascending: false }), { count: 6 })
  assert.equal(data[0].model, 'ünï côde + plus & amp')
  await succeeds(update({ provider: 'x' }).eq('model', 'alpha').select('model').single(), { data: { model: 'alpha' }, status: 200 })
  await failsAs(update({ provider: 'y' }).select('model').single(), 406, 'PGRST116')
  await succeeds(mine(service.from('request_logs').select('id', { count: 'exact', head: true })).eq('provider', 'y'), { count: 0 })
})

test('update of no row, and with nothing to set', async () => {
  await succeeds(update({ model: 'x' }).eq('model', 'nothing'), { status: 204 })
  await succeeds(update({ model: 'x' }, { count: 'exact' }).eq('model', 'nothing').select(), { status: 200, data: [], count: 0 })
  await succeeds(update({}).select(), { status: 200, data: [] })
})

test('an update moves what the user\'s totals say', async () => {
  const before = await totals()
  assert.deepEqual([before.total_requests, before.total_tokens_counter, before.total_cost], [6, 150, 0.875])
  await rows(update({ tokens_used: 15, total_cost: 1, status: 'failure' }).eq('model', 'alpha'))
  const after = await totals()
  assert.deepEqual([after.total_tokens_from_logs, after.total_tokens_counter, after.total_cost], [155, 155, 1.375])
  assert.deepEqual([after.successful_requests, after.failed_requests], [before.successful_requests - 1, before.failed_requests + 1])
})

test('updates that are refused', async () => {
  await failsAs(update({ colour: 'red' }), 400, 'PGRST204')
  await failsAs(update({ tokens_used: 'many' }), 400, '22P02')
  await failsAs(update({ model: 'x' }).eq('colour', 'red'), 400, '42703')
  await failsAs(update({ litellm_call_id: `${user}-a` }).eq('model', 'Beta'), 409, '23505')
  await failsAs(service.from('nothing').update({ a: 1 }).eq('a', 1), 404, 'PGRST205')
})

test('the service key moves logs to another user, and the totals with them', async () => {
  const other = newId('user')
  await succeeds(update({ user_profile_id: other }).eq('model', 'alpha').select('user_profile_id'), { data: [{ user_profile_id: other }] })
  assert.equal((await totals()).total_tokens_counter, 140)
  await succeeds(service.from('user_profiles').select('tokens_used').eq('user_id', other), { data: [{ tokens_used: 10 }] })
})

test('delete, nothing asked back', async () => {
  await succeeds(remove().eq('status', 'success'), { status: 204, data: null })
  assert.equal(await left(), 'be')
})

test('delete with its rows and a count', async () => {
  const { data } = await succeeds(remove({ count: 'exact' }).eq('status', 'success').select('litellm_call_id'), { status: 200, count: 4 })
  assert.equal(labels(data).split('').sort().join(''), 'acdf')
  await succeeds(remove({ count: 'exact' }).eq('model', 'nothing').select(), { status: 200, data: [], count: 0 })
})

test('a delete lowers the user\'s totals', async () => {
  await rows(remove().eq('model', 'alpha'))
  const after = await totals()
  assert.deepEqual([after.total_requests, after.total_tokens_counter, after.total_cost], [5, 140, 0.375])
})

test('a profile that others refer to stays', async () => {
  const { error, status } = await service.from('user_profiles').delete().eq('user_id', user)
  assert.deepEqual([status, error?.code], [409, '23503'])
})

test('maxAffected stops a change that reaches too far', async () => {
  await succeeds(update({ provider: 'x' }).maxAffected(6), { status: 204 })
  await fails(update({ provider: 'y' }).maxAffected(5), 400, { code: 'PGRST124', details: 'The query affects 6 rows' })
  await fails(remove().maxAffected(1), 400, { code: 'PGRST124' })
  assert.equal(await left(), 'abcdef')
  await succeeds(mine(service.from('request_logs').select('id', { count: 'exact', head: true })).eq('provider', 'x'), { count: 6 })
})

test('rollback shows what would be, and changes nothing', async () => {
  const { data } = await succeeds(update({ provider: 'x' }).eq('model', 'alpha').select('provider').rollback(), { status: 200 })
  assert.deepEqual(data, [{ provider: 'x' }])
  const removed = await rows(remove().select('litellm_call_id').rollback())
  assert.equal(removed.length, 6)
  assert.equal(await left(), 'abcdef')
  await succeeds(mine(service.from('request_logs').select('provider')).eq('model', 'alpha'), { data: [{ provider: 'openai' }] })
  assert.equal((await totals()).total_requests, 6)
})
