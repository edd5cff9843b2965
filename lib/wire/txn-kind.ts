/** The number of each body of a txn on the wire and on disk: never reused. */
export const Kind = {
  create: 1, delete: 2, setData: 3, setAcl: 4, check: 5, createSession: 6, closeSession: 7, multi: 8, error: 9,
  multiError: 10, found: 11,
} as const

/** Fields before those of the body: kind, session, cxid, origin, tag, time. */
export const HEAD_FIELDS = 6
/** Fields of the body of a create. */
export const CREATE_FIELDS = 8
/** Fields of the body of a setData. */
export const SET_DATA_FIELDS = 3
