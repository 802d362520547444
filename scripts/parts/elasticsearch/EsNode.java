import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One Elasticsearch node from plain jars. Arguments: the folder that has modules/, and the folder that has
 * elasticsearch.yml and log4j2.properties. Runs until SIGTERM, or until its standard input closes: the process that
 * started it holds the other end, so the node ends with that process, however that one ends.
 */
public final class EsNode {
  /** A node that has not closed after this long is ended where it is. */
  private static final int CLOSE_SECONDS = 25;

  public static void main(String[] arguments) {
    endWithStandardInput();
    try {
      run(Path.of(arguments[0]), Path.of(arguments[1]));
    } catch (Throwable failure) {
      failure.printStackTrace();
      // Again in short, so that the reason is among the last lines.
      for (var cause = failure; cause != null; cause = cause.getCause()) System.err.println(cause);
      // The node's threads would go on without this one.
      System.exit(1);
    }
  }

  private static void run(Path home, Path config) throws Exception {
    // Elasticsearch's own start script sets these before anything asks for a logger.
    System.setProperty("es.path.conf", config.toString());
    LogConfigurator.registerErrorListener();
    LogConfigurator.setNodeName("node");
    var settings = Settings.builder().put("path.home", home.toString()).build();
    Environment environment = InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), config, () -> "node");
    LogConfigurator.configure(environment, true);

    // No plugins beside the modules, and nothing is loaded as a Java module: everything runs from the class path.
    var bundles = PluginsLoader.loadModulesBundles(environment.modulesDir(), false);
    var node = new Node(environment, PluginsLoader.createPluginsLoader(bundles, Set.of(), Map.of(), false));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node), "close-node"));
    node.start();
    Thread.currentThread().join();
  }

  private static void close(Node node) {
    haltAfter(CLOSE_SECONDS);
    try {
      node.close();
      node.awaitClose(CLOSE_SECONDS, TimeUnit.SECONDS);
    } catch (Exception failure) {
      System.err.println("The node did not close cleanly: " + failure);
    }
  }

  private static void endWithStandardInput() {
    startDaemon("standard-input", () -> {
      while (System.in.read() != -1) {}
      System.exit(0);
    });
  }

  private static void haltAfter(int seconds) {
    startDaemon("halt", () -> {
      TimeUnit.SECONDS.sleep(seconds);
      Runtime.getRuntime().halt(1);
    });
  }

  private interface Task {
    void run() throws Exception;
  }

  private static void startDaemon(String name, Task task) {
    var thread = new Thread(() -> {
      try {
        task.run();
      } catch (Exception failure) {
        Runtime.getRuntime().halt(1);
      }
    }, name);
    thread.setDaemon(true);
    thread.start();
  }
}
