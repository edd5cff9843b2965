import type { Command } from '../command.ts'
import { aclCommands } from './acl.ts'
import { configCommands } from './config.ts'
import { listCommands } from './list.ts'
import { nodeCommands } from './nodes.ts'
import { pictureCommands } from './pictures.ts'
import { quotaCommands } from './quota.ts'
import { sessionCommands } from './session.ts'
import { shellCommands } from './shell.ts'
import { transferCommands } from './transfer.ts'
import { treeCommands } from './tree.ts'
import { watchCommands } from './watch.ts'

/** Every command there is. */
export function allCommands(): Command[] {
  return [
    ...nodeCommands, ...listCommands, ...treeCommands, ...aclCommands, ...watchCommands, ...pictureCommands,
    ...quotaCommands, ...configCommands, ...sessionCommands, ...transferCommands, ...shellCommands,
  ]
}
