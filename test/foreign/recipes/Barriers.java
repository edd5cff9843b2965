import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.retry.ExponentialBackoffRetry;

/** Somebody at barriers, and at double barriers of two, by Curator: Barriers HOSTS. Talks as other.py does. */
public final class Barriers {
    private static final int LIMIT_S = 30;
    private static final Map<String, DistributedDoubleBarrier> PAIRS = new HashMap<>();

    private Barriers() { }

    private static String waited(DistributedBarrier barrier) {
        try {
            return barrier.waitOnBarrier(LIMIT_S, TimeUnit.SECONDS) ? "passed" : "out of time";
        } catch (Exception error) {
            return error.toString();
        }
    }

    private static void act(CuratorFramework client, String word, String path) throws Exception {
        DistributedBarrier barrier = new DistributedBarrier(client, path);
        switch (word) {
            case "set" -> {
                barrier.setBarrier();
                System.out.println("set");
            }
            case "lift" -> {
                barrier.removeBarrier();
                System.out.println("lifted True");
            }
            case "wait" -> new Thread(() -> System.out.println(waited(barrier))).start();
            case "enter" -> {
                DistributedDoubleBarrier pair = new DistributedDoubleBarrier(client, path, 2);
                PAIRS.put(path, pair);
                System.out.println(pair.enter(LIMIT_S, TimeUnit.SECONDS) ? "entered" : "out of time");
            }
            default -> System.out.println(PAIRS.get(path).leave(LIMIT_S, TimeUnit.SECONDS) ? "left" : "out of time");
        }
    }

    public static void main(String[] args) throws Exception {
        CuratorFramework client =
            CuratorFrameworkFactory.newClient(args[0], 10_000, 20_000, new ExponentialBackoffRetry(100, 5));
        client.start();
        System.out.println("started");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            act(client, words[0], words[1]);
        }
        client.close();
    }
}
