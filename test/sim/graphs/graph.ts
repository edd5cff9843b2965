import type { Random } from '../../../lib/core/random.ts'

/** Two voters, the lower one first. */
export type Edge = readonly [number, number]

/** Links among voters that are numbered from 1 on: those that there are. */
export class Graph {
  readonly voters: number
  readonly edges: readonly Edge[]
  readonly #links = new Set<string>()

  constructor(voters: number, edges: readonly Edge[]) {
    this.voters = voters
    this.edges = edges
    for (const [a, b] of edges) this.#links.add(`${a}-${b}`).add(`${b}-${a}`)
  }

  get ids(): number[] {
    return Array.from({ length: this.voters }, (_, index) => index + 1)
  }

  has(a: number, b: number): boolean {
    return this.#links.has(`${a}-${b}`)
  }

  /** Those that there are not. */
  get missing(): Edge[] {
    return allEdges(this.voters).filter(([a, b]) => !this.has(a, b))
  }

  without(gone: (edge: Edge) => boolean): Graph {
    return new Graph(this.voters, this.edges.filter((edge) => !gone(edge)))
  }

  /** `12,14,24`. */
  get text(): string {
    return this.edges.map((edge) => edge.join('')).join()
  }

  /** The least majorities that are fully linked with each other, of these voters alone. */
  cliques(of: readonly number[] = this.ids): number[][] {
    const size = majorityOf(this.voters)
    const found: number[][] = []
    const grow = (chosen: number[], from: number): void => {
      if (chosen.length === size) {
        found.push(chosen)
        return
      }
      for (let at = from; at < of.length; at++) {
        if (chosen.every((one) => this.has(one, of[at]!))) grow([...chosen, of[at]!], at + 1)
      }
    }
    grow([], 0)
    return found
  }
}

/** So many voters are more than half. */
export function majorityOf(voters: number): number {
  return Math.floor(voters / 2) + 1
}

function allEdges(voters: number): Edge[] {
  const edges: Edge[] = []
  for (let a = 1; a <= voters; a++) for (let b = a + 1; b <= voters; b++) edges.push([a, b])
  return edges
}

/** The graph of `12,14,24`; an error when that is none. */
export function readGraph(voters: number, text: string): Graph {
  const all = allEdges(voters)
  return new Graph(voters, text.split(',').map((word) => {
    const edge = all.find((one) => one.join('') === word)
    if (edge === undefined) throw new RangeError(`${word} is no link among ${voters} voters, such as 12`)
    return edge
  }))
}

/** All graphs of links in which a majority is fully linked: of three voters 7, of four 23, of five 636. */
export function allGraphs(voters: number): Graph[] {
  const all = allEdges(voters)
  return Array.from({ length: 2 ** all.length }, (_, bits) =>
    new Graph(voters, all.filter((_edge, index) => (bits >> index) % 2 === 1)))
    .filter((graph) => graph.cliques().length > 0)
}

/** One such graph: a majority that is drawn, and of the other links a part that is drawn. */
export function drawGraph(voters: number, random: Random): Graph {
  const ids = Array.from({ length: voters }, (_, index) => index + 1)
  const clique = new Set<number>()
  while (clique.size < majorityOf(voters)) clique.add(ids[random.below(voters)]!)
  const share = random.below(101)
  return new Graph(voters, allEdges(voters).filter(([a, b]) =>
    (clique.has(a) && clique.has(b)) || random.below(100) < share))
}
