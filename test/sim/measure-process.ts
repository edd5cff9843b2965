/** What `npm run sim -- --measure` runs: the simulator in the form, and with the flags, that a storm has. */
import { measure } from './measure.ts'

await measure(Number(process.argv[2]), 1, (text) => process.stdout.write(`${text}\n`))
process.exit(0)
