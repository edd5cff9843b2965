import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.retry.ExponentialBackoffRetry;

/** A member of a group by Curator: Group HOSTS PATH ID DATA. Commands and answers are lines. */
public final class Group {
    private Group() { }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Waits until its view has so many. */
    private static String members(GroupMember member, int size) throws Exception {
        Map<String, byte[]> present = member.getCurrentMembers();
        while (present.size() != size) {
            Thread.sleep(10);
            present = member.getCurrentMembers();
        }
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, byte[]> entry : new TreeMap<>(present).entrySet()) {
            if (text.length() > 0) text.append(',');
            text.append(entry.getKey()).append('=').append(new String(entry.getValue(), StandardCharsets.UTF_8));
        }
        return text.toString();
    }

    public static void main(String[] args) throws Exception {
        CuratorFramework client =
            CuratorFrameworkFactory.newClient(args[0], 6000, 6000, new ExponentialBackoffRetry(100, 5));
        client.start();
        GroupMember member = new GroupMember(client, args[1], args[2], bytes(args[3]));
        member.start();
        System.out.println("started");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "members":
                    System.out.println(members(member, Integer.parseInt(words[1])));
                    break;
                case "set":
                    member.setThisData(bytes(words[1]));
                    System.out.println("set");
                    break;
                default:
                    member.close();
                    System.out.println("left");
            }
        }
        client.close();
    }
}
