import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.ServiceProvider;
import org.apache.curator.x.discovery.UriSpec;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.data.Stat;

/** Curator's framework, caches, nodes and service discovery. */
final class Services {
    private Services() { }

    static void checks() {
        Check.check("curator framework", Services::framework);
        Check.check("curator transactions", Services::transactions);
        Check.check("curator cache", Services::cache);
        Check.check("curator older caches", Services::olderCaches);
        Check.check("curator nodes", Services::nodes);
        Check.check("curator discovery", Services::discovery);
        Check.check("curator discovery beside ours", Services::beside);
        Check.check("curator cache and death of a server", Services::death);
    }

    private static void framework(String root) throws Exception {
        try (CuratorFramework client = Recipes.open()) {
            CuratorFramework named = client.usingNamespace(root.substring(1));
            named.create().creatingParentContainersIfNeeded().forPath("/a/b", Check.bytes("x"));
            Check.equal("x", Check.text(client.getData().forPath(root + "/a/b")));
            String path = named.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/p-");
            Check.holds(path.startsWith("/_c_"), path);
            Check.equal("/a/b", named.create().orSetData().forPath("/a/b", Check.bytes("y")));
            named.create().withTtl(100_000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath("/ttl");
            Stat stat = new Stat();
            named.getData().storingStatIn(stat).forPath("/a/b");
            Check.equal(1, stat.getVersion());
            CountDownLatch done = new CountDownLatch(1);
            named.getChildren().inBackground((framework, event) -> {
                if (event.getResultCode() == 0 && event.getChildren().size() == 3) done.countDown();
            }).forPath("/");
            Check.await(done, "children in the background");
            named.delete().guaranteed().deletingChildrenIfNeeded().forPath("/a");
            Check.equal(null, named.checkExists().forPath("/a"));
            Check.holds(client.getConfig().forEnsemble().length > 0, "the configuration");
            named.sync().forPath("/");
        }
    }

    private static void transactions(String root) throws Exception {
        try (CuratorFramework client = Recipes.open()) {
            var results = client.transaction().forOperations(
                client.transactionOp().create().forPath(root, Check.bytes("x")),
                client.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(root + "/s"),
                client.transactionOp().check().forPath(root),
                client.transactionOp().setData().withVersion(0).forPath(root, Check.bytes("y")));
            Check.equal(4, results.size());
            Check.equal(root + "/s0000000000", results.get(1).getResultPath());
            Check.equal(1, results.get(3).getResultStat().getVersion());
        }
    }

    private static void cache(String root) throws Exception {
        BlockingQueue<String> seen = new LinkedBlockingQueue<>();
        try (CuratorFramework client = Recipes.open(); CuratorFramework other = Recipes.open()) {
            other.create().forPath(root, Check.bytes("x"));
            Recipes.sync(client, root);
            try (CuratorCache cache = CuratorCache.build(client, root)) {
                CountDownLatch ready = new CountDownLatch(1);
                cache.listenable().addListener(CuratorCacheListener.builder().forInitialized(ready::countDown)
                    .forAll((type, before, after) -> seen.add(type + " " + (after == null ? before : after).getPath()))
                    .build());
                cache.start();
                Check.await(ready, "the first reading");
                Check.equal("NODE_CREATED " + root, seen.poll(20, TimeUnit.SECONDS));
                // Of a node that is gone before it is read, the cache tells nothing.
                other.create().forPath(root + "/a", Check.bytes("1"));
                Check.equal("NODE_CREATED " + root + "/a", seen.poll(20, TimeUnit.SECONDS));
                other.setData().forPath(root + "/a", Check.bytes("2"));
                Check.equal("NODE_CHANGED " + root + "/a", seen.poll(20, TimeUnit.SECONDS));
                other.delete().forPath(root + "/a");
                Check.equal("NODE_DELETED " + root + "/a", seen.poll(20, TimeUnit.SECONDS));
                Check.equal("x", cache.get(root).map(ChildData::getData).map(Check::text).orElse(null));
            }
            BlockingQueue<String> events = new LinkedBlockingQueue<>();
            try (PersistentWatcher watcher = new PersistentWatcher(client, root, true)) {
                watcher.getListenable().addListener((event) -> events.add(event.getType() + " " + event.getPath()));
                CountDownLatch set = new CountDownLatch(1);
                watcher.getResetListenable().addListener(set::countDown);
                watcher.start();
                Check.await(set, "the persistent watch");
                other.create().forPath(root + "/b");
                Check.equal("NodeCreated " + root + "/b", events.poll(20, TimeUnit.SECONDS));
            }
        }
    }

    @SuppressWarnings("deprecation")
    private static void olderCaches(String root) throws Exception {
        try (CuratorFramework client = Recipes.open(); CuratorFramework other = Recipes.open()) {
            other.create().creatingParentsIfNeeded().forPath(root + "/a", Check.bytes("1"));
            Recipes.sync(client, root);
            try (PathChildrenCache children = new PathChildrenCache(client, root, true);
                TreeCache tree = new TreeCache(client, root); NodeCache node = new NodeCache(client, root + "/a")) {
                children.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
                tree.start();
                node.start(true);
                Check.equal(1, children.getCurrentData().size());
                other.create().forPath(root + "/b", Check.bytes("2"));
                other.setData().forPath(root + "/a", Check.bytes("3"));
                other.create().forPath(root + "/b/c", Check.bytes("4"));
                Check.until(() -> children.getCurrentData().size() == 2, "two children");
                Check.until(() -> "3".equals(Check.text(node.getCurrentData().getData())), "new data");
                Check.until(() -> tree.getCurrentData(root + "/b/c") != null, "a grandchild");
                other.delete().deletingChildrenIfNeeded().forPath(root + "/b");
                Check.until(() -> children.getCurrentData().size() == 1, "one child");
                Check.until(() -> tree.getCurrentData(root + "/b") == null, "no grandchild");
            }
        }
    }

    private static void nodes(String root) throws Exception {
        try (CuratorFramework client = Recipes.open(); CuratorFramework other = Recipes.open()) {
            try (PersistentNode node = new PersistentNode(client, CreateMode.EPHEMERAL, false, root + "/p", Check.bytes("x"));
                PersistentTtlNode ttl = new PersistentTtlNode(client, root + "/t", 10_000, Check.bytes("y"));
                GroupMember one = new GroupMember(client, root + "/group", "one");
                GroupMember two = new GroupMember(other, root + "/group", "two")) {
                node.start();
                ttl.start();
                one.start();
                two.start();
                Check.holds(node.waitForInitialCreate(20, TimeUnit.SECONDS), "the node");
                Check.holds(ttl.waitForInitialCreate(20, TimeUnit.SECONDS), "the node with a time to live");
                other.delete().forPath(root + "/p");
                Check.until(() -> other.checkExists().forPath(root + "/p") != null, "the node again");
                Check.until(() -> one.getCurrentMembers().size() == 2 && two.getCurrentMembers().size() == 2, "two members");
            }
        }
    }

    private static void discovery(String root) throws Exception {
        try (CuratorFramework client = Recipes.open(); CuratorFramework other = Recipes.open()) {
            ServiceInstance<Map> instance = ServiceInstance.<Map>builder().name("web").address("10.0.0.1").port(80)
                .payload(Map.of("zone", "a")).build();
            try (ServiceDiscovery<Map> mine = ServiceDiscoveryBuilder.builder(Map.class).client(client).basePath(root).build();
                ServiceDiscovery<Map> theirs = ServiceDiscoveryBuilder.builder(Map.class).client(other).basePath(root).build()) {
                mine.start();
                theirs.start();
                mine.registerService(instance);
                Recipes.sync(other, root);
                Check.equal(1, theirs.queryForInstances("web").size());
                try (ServiceCache<Map> cache = theirs.serviceCacheBuilder().name("web").build()) {
                    cache.start();
                    Check.until(() -> cache.getInstances().size() == 1, "one instance");
                    mine.unregisterService(instance);
                    Check.until(() -> cache.getInstances().isEmpty(), "no instance");
                }
            }
        }
    }

    /** Instances of the other side are seen here, and the other way round. */
    private static void beside(String root) throws Exception {
        try (CuratorFramework client = Recipes.open();
            ServiceDiscovery<Map> mine = ServiceDiscoveryBuilder.builder(Map.class).client(client).basePath(root).build();
            ServiceCache<Map> cache = mine.serviceCacheBuilder().name("web").build();
            ServiceProvider<Map> provider = mine.serviceProviderBuilder().serviceName("web").build()) {
            mine.start();
            cache.start();
            provider.start();
            Check.order("join " + root);
            Check.until(() -> cache.getInstances().size() == 1, "their instance");
            ServiceInstance<Map> theirs = mine.queryForInstance("web", "js");
            Check.equal("js web 10.0.0.2 8080 8443 DYNAMIC true", theirs.getId() + " " + theirs.getName() + " "
                + theirs.getAddress() + " " + theirs.getPort() + " " + theirs.getSslPort() + " " + theirs.getServiceType()
                + " " + theirs.isEnabled());
            Check.equal("b 2", theirs.getPayload().get("zone") + " " + theirs.getPayload().get("weight"));
            Check.equal("https://10.0.0.2:8080/web", theirs.buildUriSpec());
            Check.holds(Math.abs(theirs.getRegistrationTimeUTC() - System.currentTimeMillis()) < 60_000, "the time");
            Check.until(() -> provider.getInstance() != null, "their instance from a provider");
            Check.equal("js", provider.getInstance().getId());
            ServiceInstance<Map> instance = ServiceInstance.<Map>builder().name("web").id("java").address("10.0.0.1").port(80)
                .payload(Map.of("zone", "a")).uriSpec(new UriSpec("{scheme}://{address}:{port}/{name}")).build();
            mine.registerService(instance);
            client.create().forPath(root + "/web/broken", Check.bytes("no instance"));
            Check.order("see " + root);
            // Curator's own queries stumble over it; ours say so and go on.
            client.delete().forPath(root + "/web/broken");
            Check.order("update " + root);
            Check.until(() -> cache.getInstances().stream().anyMatch((each) -> each.getPort() == 8081
                && "c".equals(each.getPayload().get("zone"))), "what they changed");
            Check.equal(2, mine.queryForInstances("web").size());
            mine.unregisterService(instance);
            Check.order("alone " + root);
            Check.order("drain " + root);
            Check.until(() -> cache.getInstances().isEmpty(), "nobody");
            Check.equal(0, mine.queryForInstances("web").size());
        }
    }

    private static void death(String root) throws Exception {
        try (CuratorFramework client = Recipes.open(); CuratorFramework other = Recipes.open()) {
            other.create().forPath(root);
            try (CuratorCache cache = CuratorCache.build(client, root)) {
                CountDownLatch ready = new CountDownLatch(1);
                cache.listenable().addListener(CuratorCacheListener.builder().forInitialized(ready::countDown).build());
                cache.start();
                Check.await(ready, "the first reading");
                String host = Check.kill(client.getZookeeperClient().getZooKeeper());
                for (int i = 0; i < 20; i++) other.create().orSetData().forPath(root + "/n" + i, Check.bytes("" + i));
                Check.until(() -> cache.size() == 21, "what was created meanwhile");
                Check.restart(host);
            }
        }
    }
}
