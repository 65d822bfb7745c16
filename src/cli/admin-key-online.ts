import { existsSync } from 'node:fs'
import type { Client } from '../client/client.ts'
import { writeNewFile } from '../durable-files.ts'
import type { Role } from '../store/commands.ts'
import type { AdminKeyAnswer, RotatedKey } from './answers.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'

/** What the commands on admin keys do over REST, as an admin. */

const PATH = '/v1/admin-keys'

export async function createOnline(
  { name, role, file }: { name: string; role: Role; file: string },
  client: Client,
): Promise<void> {
  if (existsSync(file))
    throw new Failure(EXIT.failed, `${file} exists already, and was left as it is. Choose another file.`)
  const { id, key } = await client.json<{ id: number; key: string }>('POST', PATH, { body: { name, role } })
  try {
    writeNewFile(file, `${key}\n`, 0o600)
  } catch (error) {
    // Nobody has it, so nobody shall be able to have it.
    await client.send('DELETE', `${PATH}/${id}`)
    throw error
  }
}

export async function listOnline(client: Client): Promise<readonly AdminKeyAnswer[]> {
  return (await client.json<{ adminKeys: AdminKeyAnswer[] }>('GET', PATH)).adminKeys
}

export async function rotateOnline(
  { name, grace }: { name: string; grace: number },
  client: Client,
): Promise<RotatedKey> {
  const id = await idOf(name, client)
  return client.json<RotatedKey>('POST', `${PATH}/${id}/rotate`, { body: { grace } })
}

/** The service keeps one admin in any case. */
export async function revokeOnline(
  name: string,
  client: Client,
): Promise<{ changed: boolean; left: number }> {
  const { changed } = await client.json<{ changed: boolean }>('DELETE', `${PATH}/${await idOf(name, client)}`)
  return { changed, left: 1 }
}

async function idOf(name: string, client: Client): Promise<number> {
  const found = (await listOnline(client)).find((one) => one.name === name)
  if (!found) throw new Failure(EXIT.notFound, `There is no admin key "${name}".`)
  return found.id
}
