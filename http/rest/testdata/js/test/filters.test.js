import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { service } from '../support/clients.js'
import { labels, sixLogs } from '../support/fixture.js'
import { failsAs, rows } from '../support/results.js'

let user
before(async () => { user = await sixLogs() })

const logs = () => service.from('request_logs').select('litellm_call_id').eq('user_profile_id', user).order('id')

// Each filter, and the labels of the logs that it lets through.
const filters = [
  ['eq', (q) => q.eq('status', 'success'), 'acdf'],
  ['eq of a number', (q) => q.eq('tokens_used', 30), 'c'],
  ['eq of a real', (q) => q.eq('response_time', 1.5), 'b'],
  ['eq of the empty text', (q) => q.eq('provider', ''), 'e'],
  ['eq with odd characters', (q) => q.eq('model', 'gamma, (c)'), 'c'],
  ['eq with a quote', (q) => q.eq('model', 'd"e'), 'd'],
  ['eq with a plus and an ampersand', (q) => q.eq('model', 'ünï côde + plus & amp'), 'f'],
  ['eq of a time', (q) => q.eq('created_at', '2026-03-01T09:00:00+01:00'), 'e'],
  ['neq', (q) => q.neq('status', 'success'), 'be'],
  ['neq passes over null', (q) => q.neq('tokens_used', 10), 'bcde'],
  ['gt', (q) => q.gt('tokens_used', 30), 'de'],
  ['gte', (q) => q.gte('tokens_used', 30), 'cde'],
  ['lt', (q) => q.lt('total_cost', 0.25), 'de'],
  ['lte', (q) => q.lte('total_cost', 0.25), 'cde'],
  ['a span of time', (q) => q.gte('created_at', '2026-02-01').lt('created_at', '2026-03-01'), 'cd'],
  ['one column three times', (q) => q.gt('tokens_used', 10).lt('tokens_used', 50).neq('tokens_used', 30), 'bd'],
  ['like', (q) => q.like('model', '%a'), 'ab'],
  ['like with stars', (q) => q.like('model', '*a'), 'ab'],
  ['like tells case', (q) => q.like('model', 'b%'), ''],
  ['like with an underscore', (q) => q.like('model', 'd_e'), 'd'],
  ['like with escapes', (q) => q.like('model', '50\\%\\_%'), 'e'],
  ['ilike', (q) => q.ilike('model', 'b%'), 'b'],
  ['ilike beyond ASCII', (q) => q.ilike('model', 'ÜNÏ%'), 'f'],
  ['likeAllOf', (q) => q.likeAllOf('model', ['%a%', 'a%']), 'a'],
  ['likeAnyOf', (q) => q.likeAnyOf('model', ['a%', 'B%']), 'ab'],
  ['ilikeAllOf', (q) => q.ilikeAllOf('model', ['B%', '%A']), 'b'],
  ['ilikeAnyOf', (q) => q.ilikeAnyOf('model', ['A%', 'b%']), 'ab'],
  ['regexMatch', (q) => q.regexMatch('model', '^[a-c]'), 'a'],
  ['regexIMatch', (q) => q.regexIMatch('model', '^[a-c]'), 'ab'],
  ['is null', (q) => q.is('tokens_used', null), 'f'],
  ['not is null', (q) => q.not('tokens_used', 'is', null), 'abcde'],
  ['isDistinct', (q) => q.isDistinct('tokens_used', 10), 'bcdef'],
  ['in', (q) => q.in('model', ['alpha', 'Beta', 'nothing']), 'ab'],
  ['in with odd characters', (q) => q.in('model', ['gamma, (c)', 'd"e', 'ünï côde + plus & amp', '50%_off']), 'cdef'],
  ['in with numbers', (q) => q.in('tokens_used', [10, 50]), 'ae'],
  ['in with nothing', (q) => q.in('model', []), ''],
  ['not in', (q) => q.not('model', 'in', '(alpha,"gamma, (c)")'), 'bdef'],
  ['notIn', (q) => q.notIn('model', ['alpha', 'gamma, (c)']), 'bdef'],
  ['contains an object', (q) => q.contains('response', { deep: { n: 1 } }), 'a'],
  ['contains an array in an object', (q) => q.contains('response', { tags: ['red'] }), 'ac'],
  ['contains JSON as text', (q) => q.contains('messages', '[{"content":"hi"}]'), 'a'],
  ['containedBy', (q) => q.containedBy('error', { message: 'rate limited', code: 429, more: 1 }).neq('error->>code', ''), 'b'],
  ['not contains', (q) => q.not('response', 'cs', '{"tags":["red"]}'), 'bdef'],
  ['match', (q) => q.match({ status: 'success', provider: 'anthropic' }), 'cd'],
  ['not eq', (q) => q.not('status', 'eq', 'success'), 'be'],
  ['not like', (q) => q.not('model', 'like', '%a%'), 'de'],
  ['or', (q) => q.or('model.eq.alpha,tokens_used.gt.40'), 'ae'],
  ['or with an and', (q) => q.or('model.eq.alpha,and(provider.eq.anthropic,tokens_used.lt.40)'), 'ac'],
  ['or with not, is and in', (q) => q.or('tokens_used.is.null,status.in.(failure,error)'), 'bef'],
  ['or with a quoted value', (q) => q.or('model.eq."gamma, (c)",model.eq."d\\"e"'), 'cd'],
  ['not within or', (q) => q.or('tokens_used.not.is.null,model.eq.nothing'), 'abcde'],
  ['not and within or', (q) => q.or('not.and(status.eq.success,tokens_used.gt.0),model.eq.alpha'), 'abe'],
  ['or twice', (q) => q.or('status.eq.success,status.eq.failure').or('tokens_used.lt.15,tokens_used.gt.35'), 'ad'],
  ['filter', (q) => q.filter('tokens_used', 'gte', 40), 'de'],
  ['filter with in', (q) => q.filter('model', 'in', '("gamma, (c)",alpha)'), 'ac'],
  ['a JSON path as text', (q) => q.eq('response->>id', '2'), 'c'],
  ['a deep JSON path', (q) => q.eq('response->deep->>name', 'one'), 'a'],
  ['a JSON path with an index', (q) => q.eq('response->tags->>0', 'red'), 'ac'],
  ['a JSON path that is null', (q) => q.is('response->deep->>name', null).eq('response->>id', '2'), 'c'],
  ['a JSON path in or', (q) => q.or('response->>id.eq.1,error->>code.eq.429'), 'ab'],
]
for (const [name, build, want] of filters) {
  test(`filter: ${name}`, async () => assert.equal(labels(await rows(build(logs()))), want))
}

test('a JSON column has no equality, as in PostgreSQL', async () => {
  await failsAs(logs().eq('messages', '{}'), 404, '42883')
})

test('operators that a type does not have are refused', async () => {
  await failsAs(logs().rangeGt('model', '[1,2)'), 404, '42883')
  await failsAs(logs().overlaps('tokens_used', '{1,2}'), 404, '42883')
  await failsAs(logs().like('tokens_used', '1%'), 404, '42883')
  await failsAs(logs().is('model', true), 400, '42804')
})

test('a filter of hundreds of values is answered', async () => {
  const many = Array.from({ length: 500 }, (_, i) => `nothing-${i}`)
  assert.equal(labels(await rows(logs().in('model', [...many, 'alpha']))), 'a')
})
