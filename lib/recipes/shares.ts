/** 32 bits of a text (FNV-1a, then mixed, so that similar texts are far apart). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/**
 * Who is to have which item: everybody who knows the same members and items comes to the same answer. Shares differ by
 * one at most; when a member comes or goes, little more than its share moves (rendezvous hashing with full members left
 * out: of all pairs of item and member, the one with the greatest hash goes first).
 */
export function sharesOf(items: readonly string[], members: readonly string[]): Map<string, string[]> {
  const shares = new Map<string, string[]>(members.map((member) => [member, []]))
  if (members.length === 0) return shares
  const least = Math.floor(items.length / members.length)
  let larger = items.length % members.length
  const pairs: { readonly item: string, readonly member: string, readonly hash: number }[] = []
  for (const item of items) {
    for (const member of members) pairs.push({ item, member, hash: hashOf(`${member}\0${item}`) })
  }
  // Equal hashes are rare, but everybody must sort them alike.
  pairs.sort((a, b) => b.hash - a.hash || (`${a.item}\0${a.member}` < `${b.item}\0${b.member}` ? -1 : 1))
  const placed = new Set<string>()
  for (const { item, member } of pairs) {
    const share = shares.get(member)!
    if (placed.has(item) || share.length > least || (share.length === least && larger === 0)) continue
    if (share.length === least) larger -= 1
    share.push(item)
    placed.add(item)
  }
  return shares
}
