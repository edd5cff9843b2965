/** One scenario of the correctness plan (section D) and where it stands. */
export interface Entry {
  /** Its name in the plan. */
  readonly id: string
  /** Names of scenarios, or `file: case` of another test that covers it. Empty: not yet. */
  readonly built: readonly string[]
  /** What of it is not built, and why; absent when all of it is. */
  readonly missing?: string
}

const LEADING = 'core/leading.test.ts'
const GATES = 'core/gates.test.ts'
const OWN_DISK = 'core/own-disk.test.ts'
const ELECTION = 'core/election.test.ts'
const ENSEMBLE = 'core/ensemble.test.ts'
const SESSIONS = 'core/sessions.test.ts'
const LEVEL = 'storage/level.test.ts'
const SNAPSHOTS = 'storage/snapshots.test.ts'
const LOG = 'storage/log.test.ts'
const IMAGES = 'storage/images.test.ts'

/** D.1: epoch, history, ack order. */
const DISCOVERY: readonly Entry[] = [
  { id: 'S-4643', built: ['S-4643 epoch before history'] },
  { id: 'S-3911 S-4646', built: ['S-3911 ack before durable'] },
  { id: 'S-4785', built: ['S-4785 a restart between a diff and its flush, at each of its records'] },
  { id: 'S-ack-before-CURRENT', built: ['S-ack-before-CURRENT'] },
  { id: 'S-1291', built: ['S-1291 an epoch that its leader has forgotten'] },
  {
    id: 'S-two-candidates', built: [
      'S-two-candidates two candidates have chosen the same epoch, and one voter has promised it to one of them',
      `${LEADING}: a second promise for the same epoch says that it does not count`,
    ],
  },
  { id: 'S-1653 S-2354 S-2307 S-4269', built: ['S-1653 a voter starts and votes whatever record it wrote last'] },
  {
    id: 'S-1282',
    built: ['S-1282 a follower that crashes between its ack of NEWLEADER and UPTODATE votes with the new epoch'],
  },
  { id: 'S-1154 S-1156', built: ['S-1154 a truncation where it is due, to the common point exactly'] },
  { id: 'S-figure8', built: ['S-figure8 a txn of an old epoch is not committed by counting its copies'] },
]

/** D.2: memory and disk. */
const MEMORY_AND_DISK: readonly Entry[] = [
  { id: 'S-2845', built: ['S-2845 a vote from the tree'] },
  { id: 'S-4712', built: ['S-4712 a vote before the storage queue has drained'] },
  {
    id: 'S-3642 S-2872', built: [
      'S-3642 a snapshot, its leader dies before NEWLEADER, the next one goes on from it',
      'S-2872 a snapshot counts once it is on disk',
    ],
  },
  { id: 'S-5094', built: ['S-5094 a truncation, and the link drops before NEWLEADER'] },
  {
    id: 'S-4882',
    built: ['S-4882 a write fails while the others commit: the peer goes, and has no hole when it is back'],
  },
  {
    id: 'S-4837', built: ['S-4837 no snapshot reaches above what is committed, so no truncation goes below one'],
  },
  {
    id: 'S-2355 S-1549', built: ['S-2355 a follower dies between the header of a diff and its proposals'],
    missing: 'mutant advanceOnDiffHeader: the header says where a diff begins and not where it ends, so there is ' +
      'nothing to advance to before its proposals',
  },
  { id: 'S-4925', built: ['S-4925 who was brought up by a diff brings up others by a diff'] },
  {
    id: 'S-2418 S-2846 S-4352 S-3526',
    built: ['core/log.test.ts: each row of the decision table',
      'core/log.test.ts: random histories: the plan ends in the leader\'s log'],
    missing: 'the read-only interlude: there is no read-only mode yet',
  },
  { id: 'S-1489', built: ['S-1489 a truncation, appends, and a crash after each record of them'] },
  {
    id: 'S-3104 S-3127',
    built: ['S-3104 txns flow while a snapshot streams, and the follower dies right after its installation',
      'core/ensemble.test.ts: a peer that was away is sent a snapshot when the log is too short'],
    missing: 'mutant appliedZxidPerSubOp: a multi is one txn, applied in one call, and a tree is frozen between calls',
  },
]

/** D.3: the order of things in the synchronization phase. */
const SYNC_PHASE: readonly Entry[] = [
  { id: 'S-4394', built: ['S-4394 a commit between NEWLEADER and UPTODATE'] },
  { id: 'S-4685', built: ['S-4685 an ack that overtakes the ack of NEWLEADER'] },
  { id: 'S-3023', built: ['S-3023 serving before the commit point of UPTODATE is applied'] },
  {
    id: 'S-paper-Q', built: [
      'S-paper-Q who was sent NEWLEADER gets every later proposal, before its ack too',
      'S-paper-Q a proposal that comes twice is one',
      'S-3023 serving before the commit point of UPTODATE is applied',
    ],
  },
  {
    id: 'S-long-sync S-2678 S-1465', built: [
      'S-2678 a snapshot that takes three times the limit but moves is completed, one that stands still is given up',
    ],
  },
  {
    id: 'S-2201', built: ['S-2201 a learner that does not read a snapshot fills no memory, and nobody waits for it'],
  },
  {
    id: 'S-fleeing-end', built: [
      'S-fleeing-end more is written than the pieces of a synchronization carry: it ends all the same',
    ],
  },
  {
    id: 'S-restless', built: [
      'S-restless a voter that comes and goes does not have another one begin anew each time',
      'S-restless-start a link that breaks before there is a leader does not have another voter begin anew each time',
    ],
  },
  { id: 'S-gap', built: ['S-gap a proposal is lost within a link'] },
]

/** D.4: election and discovery. */
const ELECTIONS: readonly Entry[] = [
  {
    id: 'S-2959 S-764', built: [
      'S-2959 observers are in no quorum, and none of them leads (S-764)',
      `${LEADING}: an ack that must not count does not: -1, and an observer's`,
      `${ELECTION}: observers, strangers and votes for them are not heard`,
    ],
  },
  {
    id: 'S-3109', built: [
      'S-3109 a voter hears a better vote when its candidate has decided: who leads nobody gives up early',
      `${LEADING}: a leader in discovery gives up early when its voters look for another`,
      'S-observer-looks a leader that a voter is about to join does not give up because an observer looks for one',
    ],
  },
  {
    id: 'S-leaves-with-its-link',
    built: ['S-leaves-with-its-link a voter that hears that its candidate looks again has its link to it still'],
  },
  {
    id: 'S-linked-with-one', built: [
      'S-linked-with-one a voter of three that is linked with its leader alone joins it: all may wait for just that',
      'S-two-come-up two voters of five are brought up, and both of the others lose their leader: they find it again',
    ],
  },
  {
    id: 'S-held-off',
    built: ['S-held-off voters that hold off have decided, and the better one is back: they do not follow another one'],
  },
  {
    id: 'S-on-its-way',
    built: ['S-on-its-way a voter that is about to follow says once more that it looks: its leader waits for it'],
  },
  {
    id: 'S-late-looking',
    built: ['S-late-looking what a follower said when it looked comes once more, and it follows still'],
  },
  {
    id: 'S-stands-alone S-loses-its-links', built: [
      'S-stands-alone one who is linked with one voter of five has the best vote: those who are a quorum do not wait',
      'S-loses-its-links a candidate loses its quorum of links while it looks: who has chosen it is told',
      `${ELECTION}: who may be elected from now on says so, and what it has heard counts`,
      `${ELECTION}: who may not be elected any more takes back its word for itself, and keeps one for another`,
    ],
  },
  {
    id: 'S-votes-for-another S-late-vote', built: [
      'S-votes-for-another a candidate that others follow already hears a better vote: they do not wait for it',
      'S-late-vote what a leader said in the round of its election, before it stood, comes once more: it is followed',
    ],
  },
  {
    id: 'S-narrow-window S-held-back', built: [
      'S-narrow-window who is behind for too long serves nobody until it has caught up, and follows all the while',
      'S-held-back a learner for which much is held serves once it has what was committed at UPTODATE',
    ],
  },
  {
    id: 'S-half-told', built: [
      'S-half-told who is turned down goes on with that round: another each time would take votes from the best',
    ],
  },
  {
    id: 'S-turned-down S-narrow-link S-patient-round S-damaged-link', built: [
      'S-turned-down who is turned down looks again while the better one waits for a voter that does not count',
      'S-patient-round who is not linked with the best voter leaves it to those that are for a while',
      'S-damaged-link a link to a voter that lost its log makes no quorum of links',
      'S-narrow-link two sites are linked by one voter of each: the one of the smaller site does not stand',
    ],
  },
  {
    id: 'S-1514 S-1732 S-1805 S-1818', built: [
      'S-1732 newcomers and restarted members join an ensemble whose members count rounds differently',
      `${LEADING}: a newcomer finds the established leader although rounds and zxids differ`,
    ],
  },
  {
    id: 'S-569 S-131 S-275', built: [
      'S-569 a candidate that dies before it leads is not followed',
      'S-131 votes for a dead leader, said a minute ago and heard for a minute more, are not followed',
      `${ELECTION}: a leader that is dead is not followed, whoever names it`,
    ],
  },
  {
    id: 'S-498 S-512 S-1419', built: ['S-1419 five servers that start within 30 s settle on one leader'],
    missing: 'hierarchical quorums and zero weights do not exist yet',
  },
  {
    id: 'S-3769 S-2988', built: [
      'wire/peer-protocol.test.ts: changed bytes give BadFrame or messages, and nothing else',
      `${ELECTION}: observers, strangers and votes for them are not heard`,
    ],
  },
  {
    id: 'S-asym-livelock',
    built: ['S-asym-livelock one peer hears and is not heard, or is heard and hears not, for ever'],
  },
  { id: 'S-backoff', built: ['S-backoff ten minutes without a word, and a leader soon after'] },
  {
    id: 'S-1277', built: [
      'S-1277 the counter of an epoch is used up, again and again: the next epoch goes on where it ended',
      `${LEADING}: the counter of an epoch is used up: the leader resigns and a new epoch goes on`,
    ],
    missing: 'a counter that begins at 0xfffffff0: an epoch begins at 0 here, so its bound is brought near instead',
  },
  {
    id: 'S-higher-accepted',
    built: ['S-higher-accepted a voter that promised a later epoch than is led is back within the limit',
      'S-observer-promise an observer that promised a later epoch to who is gone comes back all the same',
      'S-observer-forgot an observer that lost a promise follows a leader of an earlier epoch, and nothing is broken'],
  },
  {
    id: 'S-stalled-candidate', built: [
      'S-stalled-candidate one whose disk stands still has the best tail: it is not elected again and again',
      `${LEADING}: who alone can lead leads, though each of its writes takes longer than syncMs`,
    ],
  },
  {
    id: 'S-hung-leader S-slow-leader', built: [
      'S-hung-leader a leader whose disk stands still gives way: what the others commit does not wait for it',
      'S-slow-leader a leader each of whose writes is too slow gives way once, though its tail is the longest',
      `${OWN_DISK}: a leader that others commit without for syncMs gives way; one that waits with them does not`,
    ],
  },
  {
    id: 'S-established-late',
    built: ['S-established-late a slow disk establishes a leader after the next one has committed'],
  },
  {
    id: 'S-long-tail', built: [
      'S-long-tail a candidate has more behind its snapshot than may be held for a learner, and the other needs both',
    ],
  },
]

/** D.5: storage. */
const STORAGES: readonly Entry[] = [
  { id: 'S-261', built: ['S-261 a wiped voter helps no quorum to forget',
    'S-wiped-candidate a voter is not elected by votes from before it lost its disk',
    'S-founder-hears who was elected as a founder and hears of a history before it chose an epoch resigns',
    'S-founders-memory who saw the founding does not take a voter without its disk for one that never joined',
    'S-founder-by-its-vote a candidate has marked an epoch that its vote does not name, and counts as no founder'] },
  {
    id: 'S-lost-promise', built: [
      `${ENSEMBLE}: a wiped voter waits until all others have shown that they follow still`,
      `${ENSEMBLE}: two wiped voters of five come back together`,
      'S-half-open a wiped voter is not let in while another voter only seems to follow',
      'S-lost-promise a voter that has lost a promise with its disk does not help the leader of an epoch before it',
    ],
  },
  {
    id: 'S-2325 S-3056 S-3644 S-3231', built: [
      'S-2325 a voter whose snapshot is not to be read counts when it is rebuilt, with a log behind it and without',
      `${SNAPSHOTS}: any altered byte of a snapshot, and any tail that is missing, is damage`,
      `${SNAPSHOTS}: a snapshot that is damaged after the opening is not handed out any further`,
      `${LEVEL}: a database that is gone is damage when the marker is there, and nothing when it is not`,
    ],
    missing: 'an older snapshot beside a damaged newest one: there is one at a time, and the batch that makes it the ' +
      'base deletes the one before',
  },
  {
    id: 'S-2332 S-1621 S-4813 S-1069', built: [
      `${LOG}: a file whose making was cut short is made`,
      `${LEVEL}: a database whose making was cut short is made anew`,
      `${IMAGES}: the power may go at any byte of a turn to the next file`,
    ],
  },
  {
    id: 'S-3701 S-2247 S-no-room', built: [
      'S-3701 the disk of the leader is full: it goes, the others go on',
      'S-2247 a truncation fails: the follower goes, and truncates when it is back',
      'S-no-room a snapshot is left out for want of room: the log from before goes on, and leads to the same',
      `${LEVEL}: a disk that refuses to write fails every later write and leaves the process alive`,
    ],
  },
  {
    id: 'S-rot-tail S-rot-middle', built: [
      'S-rot-tail a voter that lost what only it had is as good as any',
      'S-rot-middle a voter that has lost acknowledged txns, and knows it, counts when it is rebuilt',
      `${LOG}: an altered record in any place of a log of many files is damage, and what lies before it is kept`,
      `${LEVEL}: without files, a record that is altered or lost in the middle is damage, and ends the log`,
    ],
  },
  {
    id: 'S-fsync-lie',
    built: ['sim/beyond.test.ts: more damage than a quorum can do without is seen, or leaves peers that agree'],
  },
  {
    id: 'S-page-reorder',
    built: ['storage/histories.test.ts: a storm loses its power within any write: what is found is what was there ' +
      'after some batch'],
  },
]

/** D.6: sessions, requests, watches. */
const SESSION_ENTRIES: readonly Entry[] = [
  {
    id: 'S-1208 S-1496', built: [
      'S-1208 an ephemeral node is created right before its session closes',
      'sim/schedules.test.ts: an ephemeral node goes with its session, whatever disks write in between',
      `${SESSIONS}: a closing session takes its ephemerals in one txn, outstanding ones too`,
    ],
  },
  {
    id: 'S-1367 S-3144 S-4541 S-5010 S-2919',
    built: [
      'S-1367 ephemeral nodes are where their session is, whoever crashes around its close',
      'S-2919 ephemeral nodes are where their session is, whoever crashes when a snapshot is taken around its close',
    ],
  },
  {
    id: 'S-3145 S-3249 S-3125',
    built: [
      'S-3145 delete, create again and close around a snapshot and a restart: the same stats, and watches that fire',
      'tree/watches.test.ts: setWatches: what changed meanwhile fires, the rest is armed',
    ],
  },
  {
    id: 'S-4306', built: ['S-4306 a session with as many ephemeral nodes as it may have closes in one txn'],
  },
  {
    id: 'S-484 S-907 S-2886', built: [
      'S-2886 a session that asks for multis alone moves between peers, the leader among them, and lives',
      `${SESSIONS}: one owner: what the old connection still had on its way does not happen`,
      `${SESSIONS}: a wrong password or an unknown session is expired, a right one resumes at any peer`,
    ],
  },
  { id: 'S-2684', built: ['S-dup-cxid a forwarded write happens once or not at all, wherever its link breaks'] },
  {
    id: 'S-pause-expiry', built: [
      'S-pause-expiry a leader that stood still for long or for a moment ends no session of a client that lives',
      'S-late-word what came to a leader in time counts, though it stood still just when a session\'s time was up',
      `${SESSIONS}: a leader that stood still expires nobody for it`,
      `${SESSIONS}: a new leader gives every session its whole timeout again`,
    ],
  },
  {
    id: 'S-stutter', built: [
      'S-stutter a leader that is held up again and again ends the sessions of clients that are gone, and no other',
    ],
  },
  {
    id: 'S-birth', built: ['S-birth a session that takes longer to open than its timeout begins with all of it'],
  },
  {
    id: 'S-2136', built: [
      'S-2136 a leader that was deposed and does not know answers no sync',
      `${LEADING}: sync is answered by a quorum: a leader that stands alone answers none`,
    ],
  },
  {
    id: 'S-watch-order S-1412 S-exists-miss',
    built: [
      'S-watch-order a change during a read with its watch, at a peer that lags, is told before what comes after it',
      'S-1412 watches armed again elsewhere fire or stay, by what the client had seen and what came since',
      'S-exists-miss what was created and deleted while its watcher was away is missed, and nothing else is',
      'tree/watches-model.test.ts: random watches and changes: the same events in the same order',
      'tree/watches.test.ts: setWatches goes by mzxid for data and by pzxid for children; equal is unchanged',
    ],
  },
  {
    id: 'S-1624 S-2623', built: ['S-1624 a failed multi with sequential creates leaves no gap in their numbers'],
    missing: 'the bare check, which the wire refuses',
  },
  {
    id: 'S-sync-between S-sync-unconfirmed', built: [
      'S-sync-between a sync is due after one write and before the next, and both are applied at once',
      'S-sync-unconfirmed a voter that has just come commits a write, and nobody has confirmed the sync before it',
    ],
  },
  {
    id: 'S-earlier-life',
    built: ['S-earlier-life what a peer was asked for before it crashed is committed after it serves again'],
  },
  {
    id: 'S-moved-session', built: [
      'S-moved-session what comes through a connection that its session has left is refused, also when it comes back',
      `${SESSIONS}: one owner: what the old connection still had on its way does not happen`,
    ],
  },
  {
    id: 'S-reads-before-write', built: [
      'S-reads-before-write a txn waits until all that its session read before it is answered, however much that is',
    ],
  },
  {
    id: 'S-wrong-password', built: [
      'S-wrong-password who does not know the password neither moves a session nor keeps it alive',
      `${SESSIONS}: a wrong password or an unknown session is expired, a right one resumes at any peer`,
      `${SESSIONS}: a wrong password is refused by the peer alone, and ends no more than a connection there`,
    ],
  },
  {
    id: 'S-frozen-future',
    built: ['S-frozen-future a client that has seen more than a peer has applied is not served by it'],
  },
  {
    id: 'S-dup-cxid S-unknown',
    built: ['S-dup-cxid a forwarded write happens once or not at all, wherever its link breaks'],
  },
]

/** D.7: observers and reconfiguration. */
const LATER: readonly Entry[] = [
  { id: 'S-5088', built: [], missing: 'there are no chained observers' },
  {
    id: 'S-observer-uncommitted',
    built: ['S-observer-uncommitted an observer is told of what is committed and of nothing else'],
  },
  { id: 'S-reconfig', built: [], missing: 'there is no reconfiguration yet' },
]

/** Known bugs of ZooKeeper beside which the plan names no scenario: what covers each, or why there is nothing to. */
const UNNAMED: readonly Entry[] = [
  // The epoch was chosen too low by one. It is one above every promise that was heard.
  {
    id: 'ZOOKEEPER-1343', built: [
      `${LEADING}: the epoch exceeds every promise that was heard`,
      'S-higher-accepted a voter that promised a later epoch than is led is back within the limit',
    ],
  },
  // The leader waited for the wrong one of two conditions. Each phase asks for its own quorum, at every step anew.
  {
    id: 'ZOOKEEPER-1192', built: [
      `${LEADING}: an ack that must not count does not: -1, and an observer's`,
      `${GATES}: the leader counts itself only once its own history and currentEpoch are durable`,
    ],
  },
  // Elections waited for connections to peers that were down. The core waits for no link.
  {
    id: 'ZOOKEEPER-822', built: [
      `${ELECTION}: a link that comes up hears the proposal, one that goes need not be waited for`,
      `${ELECTION}: a quorum waits for better votes, unless all who are reachable agree`,
      'S-leaves-with-its-link a voter that hears that its candidate looks again has its link to it still',
    ],
  },
  // Members of an established epoch named its leader by different votes. Here all say the epoch, and that is compared.
  {
    id: 'ZOOKEEPER-1817', built: [
      'S-1732 newcomers and restarted members join an ensemble whose members count rounds differently',
      `${ELECTION}: followers that name the leader of another epoch do not count for it`,
    ],
  },
  {
    id: 'ZOOKEEPER-2926 ZOOKEEPER-3471', built: [],
    missing: 'there are no local sessions that could become others: each session is opened by a txn',
  },
  // A snapshot's table of access-control lists was of another moment than its nodes. Each row has its own list, and a
  // view is of one zxid.
  {
    id: 'ZOOKEEPER-3306', built: [
      'tree/views.test.ts: several views, while thousands of random writes go on',
      'S-3104 txns flow while a snapshot streams, and the follower dies right after its installation',
    ],
  },
]

/** Every scenario of section D, in its order, and what is known beside them. */
export const CATALOGUE: readonly Entry[] = [
  ...DISCOVERY, ...MEMORY_AND_DISK, ...SYNC_PHASE, ...ELECTIONS, ...STORAGES, ...SESSION_ENTRIES, ...LATER,
  ...UNNAMED,
]
