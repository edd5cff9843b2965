export { createProtected } from './protected-node.ts'
export type { ProtectedNode } from './protected-node.ts'
