/** Every command and flag of zkCli, and the errors of each. */
export const SCRIPT: readonly string[] = [
  'help', 'version', 'nonsense', 'help ls',
  'create /a hello', 'create /a again', 'create -e /a/e eph', 'create -s /a/s- seq', 'create -s -e /a/se- x',
  'create -c /c', 'create /c/k data', 'create /acl data world:anyone:r', 'create /nodata', 'create relative',
  'create /x/y/z', 'create /a/e/below x', 'create -t 1000000 /ttl x', 'create -t 0 /ttl2 x', 'create -t -e /ttl3 x',
  'create -s -c /c/bad x', 'create', 'create /bad/', 'create /bad data world:anyone:rz', 'create /bad data nope:x:r',
  'get /a', 'get -s /a', 'get -w /a', 'get /nope', 'get relative', 'get', 'get -x /a',
  'set /a world', 'set -s /a w2', 'set -v 99 /a no', 'set -v 2 /a ok2', 'set /nope x', 'set /a',
  'stat /a', 'stat -w /a', 'stat /nope', 'exists /a',
  'ls /', 'ls -s /', 'ls -w /', 'ls -R /a', 'ls /nope', 'ls', 'create /trigger 1', 'delete /trigger',
  'getAcl /acl', 'getAcl -s /acl', 'getAcl /nope', 'setAcl /a world:anyone:cdrwa', 'setAcl -s /a world:anyone:cdrwa',
  'setAcl -v 77 /a world:anyone:r', 'setAcl -R /c world:anyone:cdrwa', 'setAcl /nope world:anyone:r',
  'setAcl /nodata auth::r', 'set /acl x', 'addauth digest bob:pw', 'setAcl /nodata auth:bob:cdrwa', 'getAcl /nodata',
  'whoami', 'sync /', 'sync /nope', 'getEphemerals', 'getEphemerals /a', 'getEphemerals /zz', 'getAllChildrenNumber /',
  'getAllChildrenNumber /a', 'getAllChildrenNumber /nope',
  'setquota -n 2 /a', 'listquota /a', 'setquota -b 100 /a', 'listquota /a', 'setquota -N 9 -B 900 /c', 'listquota /c',
  'set /a some-more-bytes', 'create /a/counted x', 'listquota /a', 'delete /a/counted', 'listquota /a',
  'delquota -n /a', 'listquota /a', 'delquota /a', 'listquota /a', 'listquota /nope', 'delquota /c',
  'setquota -n 1 /nope',
  'addWatch /a', 'set /a again3', 'create /a/new v', 'removewatches /a', 'set /a unseen',
  'addWatch -m PERSISTENT /a', 'set /a again4', 'create /a/new/er v', 'removewatches -a /a', 'removewatches -d /a',
  'addWatch -m NONSENSE /a', 'removewatches /never',
  'delete -v 9 /a/new', 'delete /a/new', 'delete /a/new/er', 'delete /a/new', 'delete /a', 'delete /nope',
  'deleteall /a', 'deleteall /nope', 'deleteall -b 2 /c',
  'config', 'config -s', 'config -c', 'config -w', 'reconfig -remove 3', 'reconfig -add server.4=127.0.0.1:1:2;3',
  'history', 'redo 5', 'redo 999', 'printwatches off', 'printwatches', 'printwatches on',
]

/** Invocations with one command each, whose exit codes count. */
export const ONE_SHOTS: readonly (readonly string[])[] = [
  ['ls', '/'], ['create', '/once', 'x'], ['get', '/nope'], ['nonsense'], ['delete', '/once'], ['stat', '/zookeeper'],
]
