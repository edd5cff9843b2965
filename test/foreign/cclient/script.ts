/** Every command of cli_mt, waited for and not (those with `a` in front), and the errors of each. */
export const SCRIPT: readonly string[] = [
  'help', 'myid', 'create /c', 'create /c', 'create +e /c/e', 'create +s /c/s', 'create +es /c/es', 'create +c /box',
  'create +t=100000 /c/t', 'create +t=100000+s /c/ts', 'create relative', 'create /x/y/z', 'create /c/e/below',
  'create2 /c2', 'create2 /c2', 'create2 +e /c2/e', 'create2 +s /c2/s', 'create2 +t=1000 /c2/t', 'acreate /ac',
  'acreate +e /ac/e', 'acreate /ac', 'acreate2 /ac2', 'acreate2 /ac2',
  'set /c hello world', 'set /nope x', 'get /c', 'get /nope', 'get relative', 'aset /c again', 'aget /c', 'aget /nope',
  'ls /', 'ls /c', 'ls /nope', 'ls2 /c', 'ls2 /nope', 'als /c', 'als2 /c', 'exists /c', 'exists /nope', 'aexists /c',
  'wexists /c', 'set /c watched', 'wexists /yet', 'create /yet', 'awexists /yet', 'delete /yet', 'sync /c',
  'sync /nope', 'async /c', 'config', 'aconfig', 'reconfig -remove 3', 'reconfig -add server.4=127.0.0.1:1:2;3',
  'areconfig -remove 3',
  'addauth digest bob:pw', 'verbose', 'verbose', 'nonsense', '', 'delete /c', 'delete /c/e', 'delete /c2/e',
  'delete /nope', 'adelete /ac/e', 'adelete /ac', 'adelete /ac', 'delete relative',
]
