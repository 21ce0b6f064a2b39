// What came back: every result of supabase-js has data, error, status, count.
import assert from 'node:assert/strict'

// rows waits for a query that must succeed, and returns its data.
export async function rows(query) {
  const { data, error, status } = await query
  assert.equal(error, null, `${status} ${JSON.stringify(error)}`)
  return data
}

// succeeds waits for a query that must succeed with these members.
export async function succeeds(query, want) {
  const result = await query
  assert.equal(result.error, null, `${result.status} ${JSON.stringify(result.error)}`)
  for (const [name, value] of Object.entries(want)) assert.deepEqual(result[name], value, name)
  return result
}

// fails waits for a query that must fail with this status and these members of
// the error; a member may be a regular expression.
export async function fails(query, status, want) {
  const result = await query
  assert.ok(result.error, `it succeeded: ${JSON.stringify(result.data)}`)
  assert.equal(result.status, status, JSON.stringify(result.error))
  assert.equal(result.data, null)
  assert.equal(result.count, null)
  for (const [name, value] of Object.entries(want)) {
    if (value instanceof RegExp) assert.match(String(result.error[name]), value, name)
    else assert.equal(result.error[name], value, name)
  }
  return result.error
}

// failsAs is fails for a code alone, with the four members that the client
// documents.
export async function failsAs(query, status, code) {
  const error = await fails(query, status, { code })
  for (const name of ['code', 'message', 'details', 'hint']) {
    const value = error[name]
    assert.ok(value === null || typeof value === 'string', `${name} is ${JSON.stringify(value)}`)
  }
  return error
}
