// Who asks: supabase-js clients for each role, made from the environment:
//
//   LLMTALLY_URL          where llmtally listens
//   LLMTALLY_ANON_KEY     the anon key
//   LLMTALLY_SERVICE_KEY  the service key
//   LLMTALLY_JWT_SECRET   what signs tokens; the suite signs its users' itself
import { createHmac, randomUUID } from 'node:crypto'
import { createClient } from '@supabase/supabase-js'

function setting(name) {
  const value = process.env[name]
  if (!value) throw new Error(`set ${name}`)
  return value
}

export const url = setting('LLMTALLY_URL')
export const anonKey = setting('LLMTALLY_ANON_KEY')
export const serviceKey = setting('LLMTALLY_SERVICE_KEY')
const secret = setting('LLMTALLY_JWT_SECRET')

// Node 20 has no WebSocket; nothing here listens to changes.
const plain = {
  realtime: { transport: class {} },
  auth: { persistSession: false, autoRefreshToken: false },
}

export const service = createClient(url, serviceKey, plain)
export const anon = createClient(url, anonKey, plain)

// user is a signed-in user's client, as Supabase documents it for tokens that
// another service issues.
export function user(id) {
  return withToken(sign({ role: 'authenticated', sub: id, exp: inSeconds(3600) }))
}

export function withToken(token) {
  return createClient(url, anonKey, { ...plain, accessToken: async () => token })
}

// withHeader is the older way to the same end.
export function withHeader(token) {
  return createClient(url, anonKey, { ...plain, global: { headers: { Authorization: `Bearer ${token}` } } })
}

export function inSeconds(n) {
  return Math.floor(Date.now() / 1000) + n
}

// sign makes a token (HS256), with another secret if one is given.
export function sign(claims, key = secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

// newId names a user or a call that no other test knows.
export function newId(name = 'id') {
  return `${name}-${randomUUID()}`
}
