import { level } from '../../storage/level.ts'

/** Opens the folder that is named, closes it, and says what came of it. */
const storage = level(process.argv[2] ?? '')
const outcome = await storage.open().then(() => 'open', (error: { code?: string }) => error.code ?? 'failed')
await storage.close()
process.stdout.write(outcome)
