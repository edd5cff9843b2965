import { readFileSync } from 'node:fs'

/** What the user typed cannot be meant: one line, and an exit code. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
  readonly exitCode: number

  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Of `vivarium --help`. */
export const GENERAL_HELP: string = `vivarium: coordination inside your app (ZooKeeper as a library)

usage: vivarium ensemble [options]      an ensemble in this process, with a shell
       vivarium serve FILE|[options]    one peer of an ensemble, from a zoo.cfg or from options, until a signal ends it
       vivarium cli [options] [command] a shell on any ZooKeeper or vivarium server
       vivarium 4lw WORD HOST:PORT      a four-letter word to a server
       vivarium COMMAND --help          the options of a command
       vivarium --version
`

/** Of `vivarium ensemble --help`. */
export const ENSEMBLE_HELP: string =
  `usage: vivarium ensemble [--size N] [--data DIR] [--memory] [--name NAME] [--client-port N] [--serve]

Runs an ensemble of peers in this process, which serves ZooKeeper clients too. On a terminal it opens a shell; commands
on a pipe or in a file are run in order, then it stops, with exit code 1 if one of them failed. With --serve, or without
any standard input, it serves until SIGINT or SIGTERM.

  --size N          peers, 1 to 9 (3)
  --data DIR        where they keep their data, one folder each (.vivarium); kept between runs
  --memory          keep nothing
  --name NAME       the ensemble's name (vivarium)
  --client-port N   peer 1 serves clients at 127.0.0.1:N, the next one at N+1 and so on; without it they take the first
                    free ports from 2181 on; 0 serves none
  --serve           no shell: serve until a signal, a second one ends it at once
  --help            this text
`

/** Of `vivarium serve --help`. */
export const SERVE_HELP: string = `usage: vivarium serve FILE [options]
       vivarium serve --id N --member ID=ADDRESS... (--data DIR | --memory) [options]

Runs one peer in the foreground until SIGINT or SIGTERM. FILE is a ZooKeeper configuration (zoo.cfg): what it asks for
and does not get is named on standard error, and options override it. All peers of an ensemble are started with the
same members.

  --id N                 this peer's id; with FILE the number in dataDir/myid
  --member ID=ADDRESS    a voter: tcp://host:port or ws://host:port; several addresses with commas, none for one
                         that only dials (ID=); once per member, this peer included
  --observer ID=ADDRESS  a member that does not vote
  --data DIR             where it keeps its data
  --memory               keep nothing
  --client ADDRESS       where clients connect: tcp://127.0.0.1:2181 or ws://127.0.0.1:8181; may be repeated
  --origin ORIGIN        whose web pages may connect at ws://, as browsers say it: https://app.example; * for all; may
                         be repeated (pages of that very host and port, and whoever is no browser, always may)
  --words LIST           four-letter words that are answered there, with commas; * for all (srvr)
  --name NAME            the ensemble's name (vivarium)
  --listen ADDRESS       where to bind for peers, when that is not the advertised address; may be repeated
  --secret-file FILE     a secret that all peers share
  --bootstrap            found the ensemble although not every voter can be reached; only for its very first start
  --help                 this text
`

/** Of `vivarium 4lw --help`. */
export const FOUR_LETTER_HELP: string = `usage: vivarium 4lw WORD HOST:PORT

Sends a four-letter word to a ZooKeeper server and prints its answer: ruok srvr stat mntr conf cons envi isro dump wchs
wchc wchp crst srst dirs gtmk hash. Exit code 1 when there is no answer within 5 s.

  --help   this text
`

/** Of `vivarium cli --help`. */
export const CLI_HELP: string = `usage: vivarium cli [-server HOST:PORT[,...][/CHROOT]] [options] [command words...]

The shell of ZooKeeper's zkCli, on any ZooKeeper or vivarium server: runs the command, or else the lines of the standard
input, on a terminal with history and completion. The exit code is that of the last command before quit: 0, 1 when it
failed, 127 when there is no such command. The command help lists all commands; locks, elections, services and members
draw what goes on in a tree.

  -server LIST         where the servers are (localhost:2181); all paths are below CHROOT
  -timeout MS          the session time-out, and how long to try to connect (30000)
  -r                   a server that has lost the others will do, for reading
  -waitforconnection   connect before anything else
  --json               results, errors and events as one JSON value per line on standard output
  --quiet              nothing but results: no greeting, no changes of the session
  --help               this text
`

/** The version in the package's manifest: this may be a module in lib/ or dist/, or part of a bundle in dist/node/. */
export function packageVersion(): string {
  for (const up of ['../../package.json', '../../../package.json', '../../../../package.json']) {
    try {
      const text = readFileSync(new URL(up, import.meta.url), 'utf8')
      const manifest = JSON.parse(text) as { name?: string, version?: string }
      if (manifest.name === 'vivarium' && manifest.version !== undefined) return manifest.version
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return 'unknown'
}
