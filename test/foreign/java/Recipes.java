import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.PromotedToLock;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.ExponentialBackoffRetry;

/** Curator's recipes, each with two clients. */
final class Recipes {
    private Recipes() { }

    static CuratorFramework open() throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.newClient(
            Check.hosts, 6_000, 10_000, new ExponentialBackoffRetry(50, 10));
        client.start();
        Check.holds(client.blockUntilConnected(20, TimeUnit.SECONDS), "connected");
        return client;
    }

    /** What another client was answered, this one sees from now on. */
    static void sync(CuratorFramework client, String path) throws Exception {
        Raw.sync(client.getZookeeperClient().getZooKeeper(), path);
    }

    static void checks() {
        Check.check("curator mutex", Recipes::mutex);
        Check.check("curator other locks", Recipes::otherLocks);
        Check.check("curator leaders", Recipes::leaders);
        Check.check("curator barriers", Recipes::barriers);
        Check.check("curator counters", Recipes::counters);
        Check.check("curator queue", Recipes::queue);
        Check.check("curator lock and death of a server", Recipes::death);
    }

    /** Four threads of two clients add to a number that nothing else protects. */
    private static void mutex(String root) throws Exception {
        int[] count = new int[1];
        ExecutorService pool = Executors.newFixedThreadPool(4);
        try (CuratorFramework one = open(); CuratorFramework two = open()) {
            List<Future<?>> all = new ArrayList<>();
            for (int worker = 0; worker < 4; worker++) {
                InterProcessMutex mutex = new InterProcessMutex(worker % 2 == 0 ? one : two, root);
                all.add(pool.submit(() -> {
                    for (int i = 0; i < 25; i++) {
                        mutex.acquire();
                        try {
                            int before = count[0];
                            Thread.yield();
                            count[0] = before + 1;
                        } finally {
                            mutex.release();
                        }
                    }
                    return null;
                }));
            }
            for (Future<?> each : all) each.get(60, TimeUnit.SECONDS);
            Check.equal(100, count[0]);
        } finally {
            pool.shutdownNow();
        }
    }

    private static void otherLocks(String root) throws Exception {
        try (CuratorFramework one = open(); CuratorFramework two = open()) {
            InterProcessReadWriteLock first = new InterProcessReadWriteLock(one, root + "/rw");
            InterProcessReadWriteLock second = new InterProcessReadWriteLock(two, root + "/rw");
            first.readLock().acquire();
            Check.holds(second.readLock().acquire(10, TimeUnit.SECONDS), "two readers");
            Check.holds(!second.writeLock().acquire(50, TimeUnit.MILLISECONDS), "no writer beside readers");
            first.readLock().release();
            second.readLock().release();
            Check.holds(second.writeLock().acquire(10, TimeUnit.SECONDS), "a writer alone");
            Check.holds(!first.readLock().acquire(50, TimeUnit.MILLISECONDS), "no reader beside a writer");
            second.writeLock().release();
            InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(one, root + "/semaphore", 2);
            InterProcessSemaphoreV2 same = new InterProcessSemaphoreV2(two, root + "/semaphore", 2);
            var lease = semaphore.acquire();
            var lease2 = same.acquire();
            Check.equal(null, same.acquire(50, TimeUnit.MILLISECONDS));
            semaphore.returnLease(lease);
            Check.holds(same.acquire(10, TimeUnit.SECONDS) != null, "a lease that was given back");
            same.returnLease(lease2);
            InterProcessMultiLock multi = new InterProcessMultiLock(one, Check.list(root + "/m1", root + "/m2"));
            Check.holds(multi.acquire(10, TimeUnit.SECONDS), "both");
            Check.holds(!new InterProcessMutex(two, root + "/m2").acquire(50, TimeUnit.MILLISECONDS), "held");
            multi.release();
        }
    }

    private static void leaders(String root) throws Exception {
        try (CuratorFramework one = open(); CuratorFramework two = open()) {
            LeaderLatch first = new LeaderLatch(one, root + "/latch", "first");
            LeaderLatch second = new LeaderLatch(two, root + "/latch", "second");
            first.start();
            Check.holds(first.await(20, TimeUnit.SECONDS), "the first leads");
            second.start();
            Check.until(() -> second.getParticipants().size() == 2, "two candidates");
            Check.equal("first", second.getLeader().getId());
            first.close();
            Check.holds(second.await(20, TimeUnit.SECONDS), "the second follows");
            second.close();
            CountDownLatch terms = new CountDownLatch(4);
            List<LeaderSelector> selectors = new ArrayList<>();
            for (CuratorFramework client : List.of(one, two)) {
                LeaderSelector selector = new LeaderSelector(client, root + "/selector", new LeaderSelectorListenerAdapter() {
                    @Override public void takeLeadership(CuratorFramework framework) {
                        terms.countDown();
                    }
                });
                selector.autoRequeue();
                selector.start();
                selectors.add(selector);
            }
            Check.await(terms, "four terms");
            for (LeaderSelector selector : selectors) selector.close();
        }
    }

    private static void barriers(String root) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(2);
        try (CuratorFramework one = open(); CuratorFramework two = open()) {
            DistributedBarrier barrier = new DistributedBarrier(one, root + "/barrier");
            barrier.setBarrier();
            Future<Boolean> waits = pool.submit(() ->
                new DistributedBarrier(two, root + "/barrier").waitOnBarrier(20, TimeUnit.SECONDS));
            barrier.removeBarrier();
            Check.equal(true, waits.get(30, TimeUnit.SECONDS));
            DistributedDoubleBarrier first = new DistributedDoubleBarrier(one, root + "/double", 2);
            DistributedDoubleBarrier second = new DistributedDoubleBarrier(two, root + "/double", 2);
            Future<Boolean> enters = pool.submit(() -> first.enter(20, TimeUnit.SECONDS));
            Check.holds(second.enter(20, TimeUnit.SECONDS), "both enter");
            Check.equal(true, enters.get(30, TimeUnit.SECONDS));
            Future<Boolean> leaves = pool.submit(() -> first.leave(20, TimeUnit.SECONDS));
            Check.holds(second.leave(20, TimeUnit.SECONDS), "both leave");
            Check.equal(true, leaves.get(30, TimeUnit.SECONDS));
        } finally {
            pool.shutdownNow();
        }
    }

    private static void counters(String root) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(2);
        try (CuratorFramework one = open(); CuratorFramework two = open()) {
            List<Future<?>> all = new ArrayList<>();
            for (CuratorFramework client : List.of(one, two)) {
                DistributedAtomicLong number = new DistributedAtomicLong(client, root + "/long",
                    new ExponentialBackoffRetry(1, 3), PromotedToLock.builder().lockPath(root + "/lock").build());
                all.add(pool.submit(() -> {
                    for (int i = 0; i < 30;) if (number.increment().succeeded()) i += 1;
                    return null;
                }));
            }
            for (Future<?> each : all) each.get(60, TimeUnit.SECONDS);
            sync(one, root);
            Check.equal(60L, new DistributedAtomicLong(one, root + "/long", new ExponentialBackoffRetry(1, 3)).get().postValue());
            try (SharedCount count = new SharedCount(one, root + "/count", 3);
                SharedCount same = new SharedCount(two, root + "/count", 3);
                SharedValue value = new SharedValue(one, root + "/value", Check.bytes("seed"))) {
                count.start();
                same.start();
                value.start();
                Check.equal(true, count.trySetCount(count.getVersionedValue(), 8));
                Check.until(() -> same.getCount() == 8, "the other sees the count");
                value.setValue(Check.bytes("grown"));
                Check.equal("grown", Check.text(value.getValue()));
            }
        } finally {
            pool.shutdownNow();
        }
    }

    private static void queue(String root) throws Exception {
        BlockingQueue<String> seen = new LinkedBlockingQueue<>();
        QueueSerializer<String> texts = new QueueSerializer<>() {
            @Override public byte[] serialize(String item) {
                return Check.bytes(item);
            }

            @Override public String deserialize(byte[] bytes) {
                return Check.text(bytes);
            }
        };
        QueueConsumer<String> consumer = new QueueConsumer<>() {
            @Override public void consumeMessage(String message) {
                seen.add(message);
            }

            @Override public void stateChanged(CuratorFramework client, ConnectionState state) { }
        };
        try (CuratorFramework one = open(); CuratorFramework two = open();
            DistributedQueue<String> in = QueueBuilder.builder(one, null, texts, root).lockPath(root + "-lock").buildQueue();
            DistributedQueue<String> out = QueueBuilder.builder(two, consumer, texts, root).lockPath(root + "-lock").buildQueue()) {
            in.start();
            out.start();
            for (int i = 0; i < 50; i++) in.put("item " + i);
            for (int i = 0; i < 50; i++) Check.equal("item " + i, seen.poll(20, TimeUnit.SECONDS));
        }
    }

    private static void death(String root) throws Exception {
        AtomicInteger lost = new AtomicInteger();
        CountDownLatch suspended = new CountDownLatch(1);
        CountDownLatch reconnected = new CountDownLatch(1);
        try (CuratorFramework client = open(); CuratorFramework other = open()) {
            client.getConnectionStateListenable().addListener((framework, state) -> {
                if (state == ConnectionState.SUSPENDED) suspended.countDown();
                if (state == ConnectionState.RECONNECTED) reconnected.countDown();
                if (state == ConnectionState.LOST) lost.incrementAndGet();
            });
            InterProcessMutex mutex = new InterProcessMutex(client, root);
            mutex.acquire();
            String host = Check.kill(client.getZookeeperClient().getZooKeeper());
            Check.await(suspended, "SUSPENDED");
            Check.await(reconnected, "RECONNECTED");
            Check.holds(mutex.isOwnedByCurrentThread(), "the lock is still held");
            Check.holds(!new InterProcessMutex(other, root).acquire(100, TimeUnit.MILLISECONDS), "nobody else has it");
            mutex.release();
            Check.equal(0, lost.get());
            Check.restart(host);
        }
    }
}
