/** One process of the proof of the recipes: runs what it is sent, one at a time. */
import { runScenario } from './harness.ts'

process.on('message', ({ recipe, seed, mutant }: { recipe: string, seed: number, mutant?: string }) => {
  void runScenario(recipe, seed, mutant).then((result) => process.send!(result))
})
process.on('disconnect', () => process.exit(0))
