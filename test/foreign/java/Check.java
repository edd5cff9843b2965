import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.zookeeper.ZooKeeper;

/** Runs the checks against the servers named by its argument, and orders whoever started it what to do. */
public final class Check {
    interface Body { void run(String root) throws Exception; }

    private static final long LIMIT_S = 30;
    private static final Pattern PLACE = Pattern.compile("remoteserver:[^/]*/([0-9.]+:\\d+)");
    private static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in));
    private static int passed;
    private static int failed;
    static String hosts;

    private Check() { }

    /** Each check has a node of its own to work below. */
    static void check(String name, Body body) {
        String root = "/java-" + name.replaceAll("[^A-Za-z]+", "-");
        long started = System.nanoTime();
        try {
            body.run(root);
            passed += 1;
            System.out.println("ok   " + name + " (" + (System.nanoTime() - started) / 1_000_000 + " ms)");
        } catch (Throwable error) {
            failed += 1;
            System.out.println("FAIL " + name + ": " + error);
            for (StackTraceElement line : error.getStackTrace()) System.out.println("     at " + line);
        }
    }

    static void equal(Object expected, Object actual) {
        if (!Objects.equals(expected, actual)) throw new AssertionError("expected " + expected + ", got " + actual);
    }

    static void holds(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    static void await(CountDownLatch latch, String what) throws InterruptedException {
        holds(latch.await(LIMIT_S, TimeUnit.SECONDS), "never came: " + what);
    }

    /** Asks again and again: for what no event tells of. */
    static void until(Callable<Boolean> condition, String what) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_S);
        while (!condition.call()) {
            holds(System.nanoTime() < end, "never came: " + what);
            Thread.sleep(10);
        }
    }

    static byte[] bytes(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return new String(bytes, java.nio.charset.StandardCharsets.UTF_8);
    }

    static List<String> sorted(List<String> names) {
        List<String> copy = new ArrayList<>(names);
        copy.sort(null);
        return copy;
    }

    static List<String> list(String... names) {
        return Arrays.asList(names);
    }

    /** Has the server killed that the client is connected to; it stays down until `restart`. */
    static String kill(ZooKeeper zk) throws Exception {
        Matcher place = PLACE.matcher(zk.toString());
        holds(place.find(), "it says where it is connected: " + zk);
        order("kill " + place.group(1));
        return place.group(1);
    }

    static void restart(String host) throws Exception {
        order("restart " + host);
    }

    /** Returns when it is done. */
    static void order(String order) throws Exception {
        System.out.println("order: " + order);
        equal("done", INPUT.readLine());
    }

    public static void main(String[] args) throws Exception {
        hosts = args[0];
        Raw.checks();
        Recipes.checks();
        Services.checks();
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }
}
