import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.CreateMode;

/** Contends with another program by Curator, as contend.py does by kazoo: Contend HOSTS KIND PATH CLIENTS ROUNDS. */
public final class Contend {
    interface Round { void run(CuratorFramework client) throws Exception; }

    private static final Queue<String> PROBLEMS = new ConcurrentLinkedQueue<>();
    private static final AtomicInteger SWITCHES = new AtomicInteger();
    private static String path;

    private Contend() { }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static byte[] add(CuratorFramework client) throws Exception {
        String[] words = text(client.getData().forPath(path + "-sum")).split(" ");
        Thread.sleep(2);
        byte[] value = ((Integer.parseInt(words[0]) + 1) + " curator").getBytes(StandardCharsets.UTF_8);
        client.setData().forPath(path + "-sum", value);
        if (!words[1].equals("curator")) SWITCHES.incrementAndGet();
        return value;
    }

    private static void write(CuratorFramework client) throws Exception {
        byte[] value = add(client);
        client.setData().forPath(path + "-a", value);
        Thread.sleep(2);
        client.setData().forPath(path + "-b", value);
    }

    private static void read(CuratorFramework client) throws Exception {
        String first = text(client.getData().forPath(path + "-a"));
        Thread.sleep(2);
        String second = text(client.getData().forPath(path + "-b"));
        if (!first.equals(second)) PROBLEMS.add("read " + first + " and " + second);
    }

    private static void inside(CuratorFramework client) throws Exception {
        String own = client.create().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(path + "-inside/curator-");
        client.sync().forPath(own);
        int size = client.getChildren().forPath(path + "-inside").size();
        if (size > 2) PROBLEMS.add(size + " have one of two leases");
        Thread.sleep(2);
        client.delete().forPath(own);
    }

    private static void lead(CuratorFramework client) throws Exception {
        CountDownLatch led = new CountDownLatch(1);
        LeaderSelector selector = new LeaderSelector(client, path, new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework leader) throws Exception {
                add(leader);
                led.countDown();
            }
        });
        selector.start();
        if (!led.await(60, TimeUnit.SECONDS)) PROBLEMS.add("never led");
        selector.close();
    }

    private static void latch(CuratorFramework client) throws Exception {
        try (LeaderLatch latch = new LeaderLatch(client, path)) {
            latch.start();
            if (latch.await(60, TimeUnit.SECONDS)) add(client);
            else PROBLEMS.add("never led");
        }
    }

    private static Round of(String kind, CuratorFramework client) {
        InterProcessReadWriteLock lock = new InterProcessReadWriteLock(client, path);
        InterProcessMutex mutex = switch (kind) {
            case "writer" -> lock.writeLock();
            case "reader" -> lock.readLock();
            default -> new InterProcessMutex(client, path);
        };
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, path, 2);
        return switch (kind) {
            case "election" -> Contend::lead;
            case "latch" -> Contend::latch;
            case "lease" -> each -> {
                Lease lease = semaphore.acquire();
                try {
                    inside(each);
                } finally {
                    semaphore.returnLease(lease);
                }
            };
            default -> each -> {
                mutex.acquire();
                try {
                    if (kind.equals("lock")) add(each);
                    else if (kind.equals("writer")) write(each);
                    else read(each);
                } finally {
                    mutex.release();
                }
            };
        };
    }

    public static void main(String[] args) throws Exception {
        String kind = args[1];
        path = args[2];
        int rounds = Integer.parseInt(args[4]);
        List<CuratorFramework> clients = new ArrayList<>();
        for (int i = 0; i < Integer.parseInt(args[3]); i++) {
            CuratorFramework client = CuratorFrameworkFactory.newClient(
                args[0], 10_000, 20_000, new ExponentialBackoffRetry(50, 10));
            client.start();
            if (!client.blockUntilConnected(20, TimeUnit.SECONDS)) throw new AssertionError("not connected");
            clients.add(client);
        }
        System.out.println("ready");
        new BufferedReader(new InputStreamReader(System.in)).readLine();
        List<Thread> threads = new ArrayList<>();
        for (CuratorFramework client : clients) {
            Thread thread = new Thread(() -> {
                try {
                    Round round = of(kind, client);
                    for (int n = 0; n < rounds; n++) round.run(client);
                } catch (Throwable error) {
                    PROBLEMS.add(error.toString());
                }
            });
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) thread.join();
        for (CuratorFramework client : clients) client.close();
        StringBuilder problems = new StringBuilder();
        for (String problem : PROBLEMS) {
            if (problems.length() > 0) problems.append(",");
            problems.append("\"").append(problem.replace("\\", "/").replace("\"", "'")).append("\"");
        }
        System.out.println("done {\"problems\":[" + problems + "],\"switches\":" + SWITCHES.get() + "}");
        System.exit(0);
    }
}
