import type { Command } from '../command.ts'
import { formatStatus } from '../format.ts'

const connect: Command = {
  name: 'connect', usage: 'host:port', about: 'open a session there, or again where it was', most: 1,
  run(task, args) {
    task.connection.connect(args.words[0] ?? null)
    task.show({ address: task.connection.address })
  },
}

const close: Command = {
  name: 'close', usage: '', about: 'close the session; its ephemeral nodes go with it',
  async run(task) {
    // Whether there is one to be closed.
    if (task.connection.state === 'CLOSED') await task.client()
    await task.connection.close()
    task.show({ state: task.connection.state })
  },
}

const session: Command = {
  name: 'session', usage: '', about: 'the id of the session, its time-out, and the newest state it has seen',
  async run(task) {
    const { state, session: key, zxid } = (await task.client()).status()
    const zxidText = `0x${zxid.toString(16)}`
    task.show({ state, id: key?.id ?? null, timeoutMs: key?.timeoutMs ?? null, zxid: zxidText },
      `session ${key?.id ?? 'none'}, ${state}, time-out ${key?.timeoutMs ?? 0} ms, zxid ${zxidText}`)
  },
}

const status: Command = {
  name: 'status', usage: '', about: 'the peers: roles, epochs, how far behind',
  run(task) {
    const found = task.shell.status?.()
    if (found !== undefined) task.show(found, formatStatus(found))
  },
}

/** The session and those who serve it. */
export const sessionCommands: readonly Command[] = [connect, close, session, status]
