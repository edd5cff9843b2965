import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** The client of Apache ZooKeeper itself. */
final class Raw {
    private static final int TIMEOUT_MS = 6_000;

    private Raw() { }

    /** Keeps what it is told. */
    static final class Events implements Watcher {
        final BlockingQueue<WatchedEvent> all = new LinkedBlockingQueue<>();

        @Override public void process(WatchedEvent event) {
            all.add(event);
        }

        String next() throws InterruptedException {
            WatchedEvent event = all.poll(20, TimeUnit.SECONDS);
            if (event == null) throw new AssertionError("no event");
            return event.getType() + " " + event.getPath();
        }

        void untilState(KeeperState state) throws InterruptedException {
            for (;;) {
                WatchedEvent event = all.poll(20, TimeUnit.SECONDS);
                if (event == null) throw new AssertionError("never " + state);
                if (event.getType() == EventType.None && event.getState() == state) return;
            }
        }
    }

    static ZooKeeper open(Events events) throws Exception {
        ZooKeeper zk = new ZooKeeper(Check.hosts, TIMEOUT_MS, events);
        events.untilState(KeeperState.SyncConnected);
        return zk;
    }

    /** What another client was answered may reach this one's server later: reads there see it after a sync. */
    static void sync(ZooKeeper zk, String path) throws Exception {
        java.util.concurrent.CompletableFuture<Integer> answer = new java.util.concurrent.CompletableFuture<>();
        zk.sync(path, (code, at, context) -> answer.complete(code), null);
        Check.equal(0, answer.get(20, TimeUnit.SECONDS));
    }

    static void throwsCode(KeeperException.Code code, Runner body) throws Exception {
        try {
            body.run();
        } catch (KeeperException error) {
            Check.equal(code, error.code());
            return;
        }
        throw new AssertionError("no " + code);
    }

    interface Runner { void run() throws Exception; }

    static void checks() {
        Check.check("raw creation", Raw::creation);
        Check.check("raw reads and writes", Raw::readsAndWrites);
        Check.check("raw multi", Raw::multi);
        Check.check("raw access", Raw::access);
        Check.check("raw watches", Raw::watches);
        Check.check("raw configuration", Raw::configuration);
        Check.check("raw sessions", Raw::sessions);
        Check.check("raw death of a server", Raw::death);
    }

    private static void creation(String root) throws Exception {
        try (ZooKeeper zk = open(new Events())) {
            zk.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Stat stat = new Stat();
            Check.equal(root + "/a", zk.create(root + "/a", Check.bytes("x"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, stat));
            Check.equal(1, stat.getDataLength());
            Check.equal(root + "/s0000000001", zk.create(root + "/s", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL));
            zk.create(root + "/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL, stat);
            Check.equal(zk.getSessionId(), stat.getEphemeralOwner());
            Check.equal(root + "/es0000000003", zk.create(root + "/es", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
            zk.create(root + "/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER, stat);
            Check.equal(0L, stat.getEphemeralOwner());
            zk.create(root + "/t", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 100_000);
            Check.equal(0L, stat.getEphemeralOwner());
            Check.equal(root + "/ts0000000006",
                zk.create(root + "/ts", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, null, 9));
            throwsCode(KeeperException.Code.NODEEXISTS, () -> zk.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            throwsCode(KeeperException.Code.NONODE, () ->
                zk.create(root + "/x/y", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            throwsCode(KeeperException.Code.NOCHILDRENFOREPHEMERALS, () ->
                zk.create(root + "/e/x", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            Check.equal(Check.list(root + "/e", root + "/es0000000003"), Check.sorted(zk.getEphemerals()));
            Check.equal(Check.list(root + "/es0000000003"), zk.getEphemerals(root + "/es"));
        }
    }

    private static void readsAndWrites(String root) throws Exception {
        try (ZooKeeper zk = open(new Events())) {
            zk.create(root, Check.bytes("one"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Stat stat = new Stat();
            Check.equal("one", Check.text(zk.getData(root, false, stat)));
            Check.equal(1, zk.setData(root, Check.bytes("two"), 0).getVersion());
            throwsCode(KeeperException.Code.BADVERSION, () -> zk.setData(root, null, 0));
            for (int i = 0; i < 100; i++) {
                zk.create(root + "/n" + i, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            }
            Check.equal(100, zk.getChildren(root, false, stat).size());
            Check.equal(100, stat.getNumChildren());
            Check.equal(100, zk.getAllChildrenNumber(root));
            throwsCode(KeeperException.Code.NOTEMPTY, () -> zk.delete(root, -1));
            CountDownLatch synced = new CountDownLatch(1);
            zk.sync("/", (rc, path, ctx) -> synced.countDown(), null);
            Check.await(synced, "sync");
            CountDownLatch all = new CountDownLatch(100);
            for (int i = 0; i < 100; i++) zk.delete(root + "/n" + i, -1, (rc, path, ctx) -> all.countDown(), null);
            Check.await(all, "deletions");
            zk.delete(root, 1);
            Check.equal(null, zk.exists(root, false));
            throwsCode(KeeperException.Code.NONODE, () -> zk.getData(root, false, null));
        }
    }

    private static void multi(String root) throws Exception {
        try (ZooKeeper zk = open(new Events())) {
            List<OpResult> results = zk.multi(List.of(
                Op.create(root, Check.bytes("x"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                Op.create(root + "/s-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL),
                Op.create(root + "/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER),
                Op.create(root + "/t", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 9_000),
                Op.check(root, 0), Op.setData(root, Check.bytes("y"), 0), Op.delete(root + "/c", -1)));
            Check.equal(7, results.size());
            Check.equal(root + "/s-0000000000", ((OpResult.CreateResult) results.get(1)).getPath());
            Check.equal(1, ((OpResult.SetDataResult) results.get(5)).getStat().getVersion());
            try {
                zk.multi(List.of(Op.setData(root, null, -1), Op.check(root, 77), Op.delete(root, -1)));
                throw new AssertionError("no failure");
            } catch (KeeperException error) {
                Check.equal(KeeperException.Code.BADVERSION, error.code());
                List<Integer> codes = new ArrayList<>();
                for (OpResult result : error.getResults()) codes.add(((OpResult.ErrorResult) result).getErr());
                Check.equal(List.of(0, -103, -2), codes);
            }
            List<OpResult> reads = zk.multi(List.of(Op.getData(root), Op.getChildren(root), Op.getData(root + "/none")));
            Check.equal("y", Check.text(((OpResult.GetDataResult) reads.get(0)).getData()));
            Check.equal(2, ((OpResult.GetChildrenResult) reads.get(1)).getChildren().size());
            Check.equal(-101, ((OpResult.ErrorResult) reads.get(2)).getErr());
            Check.equal(2, zk.transaction().check(root, -1).setData(root, null, -1).commit().size());
        }
    }

    private static void access(String root) throws Exception {
        try (ZooKeeper zk = open(new Events()); ZooKeeper other = open(new Events())) {
            zk.addAuthInfo("digest", Check.bytes("bob:pw"));
            zk.create(root, Check.bytes("x"), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
            sync(other, root);
            throwsCode(KeeperException.Code.NOAUTH, () -> other.getData(root, false, null));
            throwsCode(KeeperException.Code.NOAUTH, () -> other.setACL(root, Ids.OPEN_ACL_UNSAFE, -1));
            Stat stat = new Stat();
            List<ACL> acl = zk.getACL(root, stat);
            Check.equal("digest", acl.get(0).getId().getScheme());
            Check.equal(1, zk.setACL(root, Arrays.asList(new ACL(1, new Id("world", "anyone")), acl.get(0)), 0).getAversion());
            sync(other, root);
            Check.equal("x", Check.text(other.getData(root, false, null)));
            throwsCode(KeeperException.Code.INVALIDACL, () ->
                zk.create(root + "/a", null, Collections.emptyList(), CreateMode.PERSISTENT));
            Check.equal(true, zk.whoAmI().stream().anyMatch((info) -> info.getUser().equals("bob")));
        }
    }

    private static void watches(String root) throws Exception {
        Events mine = new Events();
        try (ZooKeeper zk = open(new Events()); ZooKeeper other = open(new Events())) {
            zk.exists(root, mine);
            other.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Check.equal("NodeCreated " + root, mine.next());
            zk.getData(root, mine, null);
            other.setData(root, Check.bytes("x"), -1);
            Check.equal("NodeDataChanged " + root, mine.next());
            zk.getChildren(root, mine);
            other.create(root + "/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Check.equal("NodeChildrenChanged " + root, mine.next());
            zk.addWatch(root, mine, AddWatchMode.PERSISTENT_RECURSIVE);
            other.create(root + "/a/b", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            other.setData(root + "/a/b", Check.bytes("y"), -1);
            other.delete(root + "/a/b", -1);
            Check.equal("NodeCreated " + root + "/a/b", mine.next());
            Check.equal("NodeDataChanged " + root + "/a/b", mine.next());
            Check.equal("NodeDeleted " + root + "/a/b", mine.next());
            zk.removeWatches(root, mine, Watcher.WatcherType.Any, false);
            Check.equal("PersistentWatchRemoved " + root, mine.next());
            throwsCode(KeeperException.Code.NOWATCHER, () ->
                zk.removeWatches(root, mine, Watcher.WatcherType.Any, false));
            zk.addWatch(root, mine, AddWatchMode.PERSISTENT);
            other.setData(root, Check.bytes("z"), -1);
            other.delete(root + "/a", -1);
            other.delete(root, -1);
            Check.equal("NodeDataChanged " + root, mine.next());
            Check.equal("NodeChildrenChanged " + root, mine.next());
            Check.equal("NodeDeleted " + root, mine.next());
        }
    }

    private static void configuration(String root) throws Exception {
        try (ZooKeeperAdmin zk = new ZooKeeperAdmin(Check.hosts, TIMEOUT_MS, (event) -> { })) {
            String text = Check.text(zk.getConfig(false, new Stat()));
            Check.equal(4, text.split("\n").length);
            new org.apache.zookeeper.server.quorum.flexible.QuorumMaj(properties(text));
            throwsCode(KeeperException.Code.RECONFIGDISABLED, () -> zk.reconfigure((String) null, "3", null, -1, null));
        }
    }

    private static java.util.Properties properties(String text) throws Exception {
        java.util.Properties properties = new java.util.Properties();
        properties.load(new java.io.StringReader(text));
        return properties;
    }

    private static void sessions(String root) throws Exception {
        Events events = new Events();
        ZooKeeper zk = open(events);
        zk.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Events later = new Events();
        try (ZooKeeper same = new ZooKeeper(Check.hosts, TIMEOUT_MS, later, zk.getSessionId(), zk.getSessionPasswd())) {
            later.untilState(KeeperState.SyncConnected);
            sync(same, root);
            Check.equal(zk.getSessionId(), same.exists(root, false).getEphemeralOwner());
        }
        events.untilState(KeeperState.Expired);
        throwsCode(KeeperException.Code.SESSIONEXPIRED, () -> zk.exists("/", false));
        try (ZooKeeper other = open(new Events())) {
            sync(other, root);
            Check.equal(null, other.exists(root, false));
        }
    }

    private static void death(String root) throws Exception {
        Events events = new Events();
        Events mine = new Events();
        Events lasting = new Events();
        try (ZooKeeper zk = open(events); ZooKeeper other = open(new Events())) {
            zk.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create(root + "/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            zk.getData(root, mine, null);
            zk.addWatch(root, lasting, AddWatchMode.PERSISTENT_RECURSIVE);
            long session = zk.getSessionId();
            String host = Check.kill(zk);
            events.untilState(KeeperState.Disconnected);
            events.untilState(KeeperState.SyncConnected);
            Check.equal(session, zk.getSessionId());
            Check.equal(session, zk.exists(root + "/e", false).getEphemeralOwner());
            zk.setData(root, Check.bytes("after"), -1);
            String first = mine.next();
            while (first.startsWith("None")) first = mine.next();
            Check.equal("NodeDataChanged " + root, first);
            String lastingFirst = lasting.next();
            while (lastingFirst.startsWith("None")) lastingFirst = lasting.next();
            Check.equal("NodeDataChanged " + root, lastingFirst);
            Check.restart(host);
        }
    }
}
