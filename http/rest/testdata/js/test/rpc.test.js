import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { newId, service } from '../support/clients.js'
import { sixLogs } from '../support/fixture.js'
import { fails, failsAs, rows, succeeds } from '../support/results.js'

let user
before(async () => { user = await sixLogs() })

const history = (args, options) => service.rpc('get_user_request_history', { p_user_id: user, ...args }, options)
const breakdown = (options) => service.rpc('get_user_token_breakdown', { p_user_id: user }, options)
const models = (found) => found.map((row) => row.model)

test('history: newest first, every column', async () => {
  const { data } = await succeeds(history(), { status: 200 })
  assert.deepEqual(models(data), ['ünï côde + plus & amp', '50%_off', 'd"e', 'gamma, (c)', 'Beta', 'alpha'])
  assert.deepEqual(Object.keys(data[0]), [
    'id', 'request_time', 'model', 'provider', 'status', 'tokens_used', 'prompt_tokens', 'completion_tokens', 'total_cost',
    'response_time', 'end_user', 'error',
  ])
  assert.deepEqual(data[4].error, { message: 'rate limited', code: 429 })
})

for (const get of [false, true]) {
  const how = get ? 'GET' : 'POST'
  test(`${how}: arguments`, async () => {
    assert.deepEqual(models(await rows(history({ p_limit: 2, p_offset: 1 }, { get }))), ['50%_off', 'd"e'])
    assert.deepEqual(await rows(history({ p_user_id: newId('nobody') }, { get })), [])
  })

  test(`${how}: filters, order, limit and select`, async () => {
    const query = history({}, { get }).eq('status', 'success').order('tokens_used', { ascending: false, nullsFirst: false }).limit(2)
      .select('model, tokens:tokens_used')
    assert.deepEqual(await rows(query), [{ model: 'd"e', tokens: 40 }, { model: 'gamma, (c)', tokens: 30 }])
    assert.deepEqual(models(await rows(history({}, { get }).in('model', ['alpha', 'gamma, (c)']))), ['gamma, (c)', 'alpha'])
    assert.deepEqual(models(await rows(history({}, { get }).or('model.eq.alpha,tokens_used.eq.20').range(1, 1))), ['alpha'])
  })

  test(`${how}: count, single, csv, stripNulls`, async () => {
    await succeeds(history({}, { get, count: 'exact' }).limit(1), { count: 6, status: 206 })
    await succeeds(history({}, { get }).eq('model', 'alpha').select('model').single(), { data: { model: 'alpha' } })
    await succeeds(history({}, { get }).eq('model', 'nothing').maybeSingle(), { data: null })
    await failsAs(history({}, { get }).single(), 406, 'PGRST116')
    assert.equal(await rows(history({}, { get }).eq('model', 'alpha').select('model,tokens_used').csv()), 'model,tokens_used\nalpha,10')
    assert.deepEqual(await rows(history({}, { get }).eq('model', 'Beta').select('model,total_cost').stripNulls()), [{ model: 'Beta' }])
  })
}

test('head: the count without the rows', async () => {
  await succeeds(history({}, { head: true, count: 'exact' }), { data: null, count: 6, status: 200 })
})

test('maxAffected counts the rows that a function returns', async () => {
  await succeeds(history().maxAffected(6), { status: 200 })
  await fails(history().maxAffected(5), 400, { code: 'PGRST124', details: 'The query affects 6 rows' })
})

test('breakdown: most tokens first, the sums of each model', async () => {
  const found = await rows(breakdown())
  assert.deepEqual(found[0], {
    model: '50%_off', provider: '', request_count: 1, total_tokens: 50, total_cost: 0, avg_tokens_per_request: 50,
    last_used: '2026-03-01T08:00:00+00:00',
  })
  assert.deepEqual(found.map((row) => row.total_tokens), [50, 40, 30, 20, 10, 0])
})

test('views: totals, activity, months', async () => {
  const totals = await rows(service.from('user_request_analytics').select().eq('user_id', user).single())
  assert.deepEqual(totals, {
    user_id: user, email: `${user}@example.org`, full_name: 'Fixture', subscription_tier: 'free', total_tokens_counter: 150,
    total_requests: 6, successful_requests: 4, failed_requests: 2, total_tokens_from_logs: 150, total_cost: 0.875,
    avg_response_time: 2.2, most_used_model: 'ünï côde + plus & amp', most_used_provider: 'anthropic',
    last_request_time: '2026-03-02T10:00:00+00:00',
  })
  const activity = await rows(service.from('user_recent_activity').select('model, email').eq('user_id', user).limit(2))
  assert.deepEqual(activity, [{ model: 'ünï côde + plus & amp', email: totals.email }, { model: '50%_off', email: totals.email }])
  const months = await rows(service.from('monthly_token_usage').select().eq('user_profile_id', user).order('period_start'))
  assert.deepEqual(months.map((m) => [m.period_start, m.request_count, m.total_tokens]), [
    ['2026-01-01T00:00:00+00:00', 2, 30], ['2026-02-01T00:00:00+00:00', 2, 70], ['2026-03-01T00:00:00+00:00', 2, 50],
  ])
  assert.deepEqual(months[0].model_breakdown, { alpha: 10, Beta: 20 })
  assert.deepEqual(months[0].provider_breakdown, { openai: 30 })
})

test('a function that is not there, or does not fit', async () => {
  await fails(service.rpc('nothing', { b: 1, a: 2 }), 404, {
    code: 'PGRST202', message: 'Could not find the function public.nothing(a, b) in the schema cache',
  })
  await fails(service.rpc('nothing'), 404, {
    code: 'PGRST202', message: 'Could not find the function public.nothing without parameters in the schema cache',
  })
  await failsAs(history({ colour: 'red' }), 404, 'PGRST202')
  await failsAs(service.rpc('get_user_token_breakdown', {}), 404, 'PGRST202')
  await failsAs(history({ p_limit: 'many' }), 400, '22P02')
  await failsAs(history().eq('colour', 'red'), 400, '42703')
})
