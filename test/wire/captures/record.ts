/**
 * Records what a foreign client and a peer say to each other, one frame a line: the connection, `>` from the client or
 * `<` from the peer, and the bytes in hexadecimal. Not part of any run.
 *
 *   node --import tsx test/wire/captures/record.ts OUT.hex CUT_AFTER COMMAND [ARGUMENT...]
 *
 * `{}` in an argument stands for the address to connect to; the lines of our input become the command's, one every
 * 300 ms. A CUT_AFTER that is not 0 cuts the first connection after so many frames of the client. As they were made:
 *
 *   kazoo.hex        0  /usr/bin/python3 test/wire/captures/with-kazoo.py {}
 *   node-client.hex  25 node test/wire/captures/node-client.cjs {}         with NODE_PATH to node-zookeeper-client
 *   cli-mt.hex       0  /usr/lib/zookeeper/bin/cli_mt {}             < test/wire/captures/cli-mt.txt
 *   zkcli.hex        32 /usr/share/zookeeper/bin/zkCli.sh -server {}       < test/wire/captures/zkcli.txt
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { Peer } from '../../../lib/peer/peer.ts'
import { FrameReader, makeFrame } from '../../../lib/wire/frame.ts'
import { memory } from '../../../storage/memory.ts'
import { tcp } from '../../../transports/tcp.ts'

const LARGEST_BYTES = 2 ** 24
const LINE_EVERY_MS = 300

const [out, cutAfter, command, ...args] = process.argv.slice(2)
if (out === undefined || command === undefined) throw new Error('record.ts OUT.hex CUT_AFTER COMMAND [ARGUMENT...]')
const cutAt = Number(cutAfter)
const lines: string[] = []

/** Writes down the frames that come from this side; `onFrame` after each. */
function note(from: Socket, sign: string, connection: number, onFrame: () => void): void {
  const frames = new FrameReader(LARGEST_BYTES)
  from.on('data', (chunk: Buffer) => {
    frames.push(chunk)
    for (let frame = frames.next(); frame !== null; frame = frames.next()) {
      lines.push(`${connection} ${sign} ${Buffer.from(makeFrame(frame)).toString('hex')}`)
      onFrame()
    }
  })
}

const peer = await Peer.start({
  id: 1, ensemble: { name: 'record', members: { 1: [] } }, transports: [tcp()], storage: memory(),
  clients: 'tcp://127.0.0.1:0',
})
await peer.ready()
const port = Number(/\d+$/.exec(peer.status().clientAddresses[0]!)![0])

let connections = 0
const proxy = createServer((client) => {
  const server = connect(port, '127.0.0.1')
  connections += 1
  const isFirst = connections === 1
  let asked = 0
  note(client, '>', connections, () => {
    asked += 1
    if (isFirst && asked === cutAt) setTimeout(() => client.resetAndDestroy(), LINE_EVERY_MS / 2)
  })
  note(server, '<', connections, () => undefined)
  client.pipe(server).pipe(client)
  client.on('error', () => server.destroy())
  client.on('close', () => server.destroy())
  server.on('error', () => client.destroy())
})
await new Promise<void>((resolve) => { proxy.listen(0, '127.0.0.1', resolve) })
const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
const child = spawn(command, args.map((argument) => argument.replaceAll('{}', address)), {
  stdio: ['pipe', 'inherit', 'inherit'],
})
const closed = new Promise((resolve) => { child.on('close', resolve) })
child.stdin.on('error', (error) => { process.stderr.write(`${error.message}\n`) })
if (!process.stdin.isTTY) {
  for await (const line of createInterface({ input: process.stdin })) {
    await new Promise((resolve) => { setTimeout(resolve, LINE_EVERY_MS) })
    child.stdin.write(`${line}\n`)
  }
}
child.stdin.end()
await closed
proxy.close()
await peer.stop()
writeFileSync(out, `${lines.join('\n')}\n`)
process.exit(0)
