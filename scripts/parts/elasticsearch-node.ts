// Starts a real Elasticsearch node on this machine, on 127.0.0.1 and on a folder of the caller's: jars that Maven
// fetches once into the parts folder, and elasticsearch/EsNode.java, which puts a node together from them. It has no
// modules but HTTP: no scripts, no reindexing, no security.
import { createHash } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  findOnPath,
  installOnce,
  isProgram,
  lastLines,
  MissingPart,
  partsFolder,
  type RunningPart,
  runToEnd,
  startPart,
} from './parts.ts';

/** The oldest Java that Elasticsearch 9 runs on. */
const OLDEST_JAVA = 21;
const SOURCES = join(import.meta.dirname, 'elasticsearch');
/** Jars of the module that brings HTTP. */
const HTTP_JARS = /^(transport-netty4|netty)-/;

/** How to start an Elasticsearch node. */
export interface ElasticsearchOptions {
  /** Has its indices, its configuration and its log; one that a node used before is taken up where that one left it. */
  readonly stateFolder: string;
  /** The port for HTTP; by default one that the system picks. */
  readonly port?: number;
  /** The most that its heap takes; 512 by default. */
  readonly heapMB?: number;
  /** Runs for long, or is measured: else Java compiles in its quick way only, which halves what a short run costs. */
  readonly isLasting?: boolean;
  /** Gives up the start. */
  readonly signal?: AbortSignal;
}

/**
 * Starts an Elasticsearch node. Resolves when every index that the folder has is there to be searched; rejects with
 * MissingPart where Java or Maven are not here.
 */
export async function startElasticsearch(options: ElasticsearchOptions): Promise<RunningPart> {
  const { jdk, home } = await installElasticsearch();
  const stateFolder = resolve(options.stateFolder);
  const config = join(stateFolder, 'config');
  const logs = join(stateFolder, 'logs');
  const temporary = join(stateFolder, 'tmp');
  // The port that an earlier node had is told in logs/, and one that was killed leaves files in tmp/.
  for (const folder of [logs, temporary]) await rm(folder, { recursive: true, force: true });
  for (const folder of [config, logs, temporary]) await mkdir(folder, { recursive: true });
  await writeFile(join(config, 'elasticsearch.yml'), settings(stateFolder, logs, options));
  await writeFile(join(config, 'log4j2.properties'), LOGGING);
  return startPart({
    name: 'Elasticsearch',
    command: join(jdk, 'bin/java'),
    args: [
      `-Xmx${options.heapMB ?? 512}m`,
      '-XX:-UsePerfData',
      ...(options.isLasting === true ? [] : ['-XX:TieredStopAtLevel=1']),
      `-Djava.io.tmpdir=${temporary}`,
      // The log is closed by the node, after its last line.
      '-Dlog4j.shutdownHookEnabled=false',
      '-Dlog4j2.disable.jmx=true',
      '--add-modules=jdk.incubator.vector',
      '--enable-native-access=ALL-UNNAMED',
      `-Des.nativelibs.path=${join(home, 'lib/platform')}`,
      '-cp',
      `${join(home, 'lib/*')}:${join(home, 'classes')}`,
      'EsNode',
      home,
      config,
    ],
    logFile: join(stateFolder, 'elasticsearch.log'),
    findUrl: () => findUrl(join(logs, 'http.ports')),
    endsWithInput: true,
    startSeconds: 120,
    stopSeconds: 30,
    signal: options.signal,
  });
}

/** A full disk of the machine must not stop a test, so the node does not look at how full it is. */
function settings(stateFolder: string, logs: string, { port }: ElasticsearchOptions): string {
  return `cluster.name: ditag
node.name: node
path.data: ${JSON.stringify(join(stateFolder, 'data'))}
path.logs: ${JSON.stringify(logs)}
network.host: 127.0.0.1
http.port: ${port ?? 0}
transport.port: 0
discovery.type: single-node
node.portsfile: true
cluster.routing.allocation.disk.threshold_enabled: false
`;
}

/** Elasticsearch insists that the pattern has the node's name and the marker. */
const LOGGING = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] [%node_name]%marker %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`;

/** The node writes its address to a file once it listens; it is ready when no index has a primary shard missing. */
async function findUrl(portsFile: string): Promise<URL | undefined> {
  if (!existsSync(portsFile)) return undefined;
  const address = (await readFile(portsFile, 'utf8')).trim().split('\n')[0]!;
  const url = new URL(`http://${address}`);
  try {
    const health = new URL('/_cluster/health?wait_for_status=yellow&timeout=1s', url);
    const response = await fetch(health, { signal: AbortSignal.timeout(5000), headers: { connection: 'close' } });
    await response.body?.cancel();
    return response.ok ? url : undefined;
  } catch {
    return undefined;
  }
}

/** The folder of a Java development kit that is new enough; it needs the compiler too. */
async function findJdk(): Promise<string> {
  const folders = [
    process.env.JAVA_HOME,
    ...globSync('/usr/lib/jvm/*'),
    ...globSync('/Library/Java/JavaVirtualMachines/*/Contents/Home'),
    await folderOfJavaOnPath(),
  ];
  for (const folder of folders) {
    if (folder === undefined || folder === '') continue;
    if (!isProgram(join(folder, 'bin/java')) || !isProgram(join(folder, 'bin/javac'))) continue;
    const { output } = await runToEnd(join(folder, 'bin/java'), ['-version']);
    // As in: openjdk version "21.0.5" 2024-10-15
    if (Number(/version "(\d+)/.exec(output)?.[1]) >= OLDEST_JAVA) return folder;
  }
  throw new MissingPart(
    `Elasticsearch needs a Java development kit ${OLDEST_JAVA} or newer, and none is here: install one, or have JAVA_HOME name its folder.`,
  );
}

/** Java is asked itself: what the path has is a link on some systems and a starter program on others. */
async function folderOfJavaOnPath(): Promise<string | undefined> {
  const java = findOnPath('java');
  if (java === undefined) return undefined;
  const { output } = await runToEnd(java, ['-XshowSettings:properties', '-version']);
  return /^\s*java\.home = (.+)$/m.exec(output)?.[1];
}

/**
 * Gives the folders of Java and of the node's jars; the second is made first where it is not here. Rejects with
 * MissingPart where that cannot be.
 */
export async function installElasticsearch(): Promise<{ jdk: string; home: string }> {
  const jdk = await findJdk();
  const project = join(SOURCES, 'pom.xml');
  const source = join(SOURCES, 'EsNode.java');
  const [projectText, sourceText] = [await readFile(project, 'utf8'), await readFile(source, 'utf8')];
  const version = /<elasticsearch\.version>(.+)<\/elasticsearch\.version>/.exec(projectText)![1]!;
  // One folder for each state of the sources, so a changed one is not mistaken for what is here.
  const state = createHash('sha256').update(projectText).update(sourceText).digest('hex').slice(0, 8);
  const home = join(partsFolder(), `elasticsearch-${version}-${state}`);
  if (existsSync(home)) return { jdk, home };
  const maven = findOnPath('mvn');
  if (maven === undefined) {
    throw new MissingPart(`Elasticsearch ${version} is not here: install Maven (mvn), which then fetches its jars.`);
  }
  await installOnce(home, async (empty) => {
    const lib = join(empty, 'lib');
    // A copy of the project, so that Maven leaves nothing in the checkout.
    await copyFile(project, join(empty, 'pom.xml'));
    const fetchJars = ['-q', '-B', '-f', join(empty, 'pom.xml'), 'dependency:copy-dependencies'];
    const fetched = await runToEnd(maven, [...fetchJars, `-DoutputDirectory=${lib}`]);
    if (fetched.code !== 0) {
      throw new MissingPart(
        `Elasticsearch ${version} is not here, and Maven could not fetch its jars; see to what it says:\n${lastLines(fetched.output)}`,
      );
    }
    await separateHttp(empty, version);
    await mkdir(join(lib, 'platform'));
    await compile(jdk, source, empty);
  });
  return { jdk, home };
}

/** The HTTP module's jars go into a folder of their own, with the description by which a node finds a module. */
async function separateHttp(home: string, version: string): Promise<void> {
  const folder = join(home, 'modules/transport-netty4');
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(join(home, 'lib'))) {
    if (HTTP_JARS.test(name)) await rename(join(home, 'lib', name), join(folder, name));
  }
  // Without a line for a Java module's name: the server itself runs from the class path, where there are none.
  const description = [
    'name=transport-netty4',
    'description=HTTP, and the transport between nodes',
    `version=${version}`,
    `elasticsearch.version=${version}`,
    `java.version=${OLDEST_JAVA}`,
    'classname=org.elasticsearch.transport.netty4.Netty4Plugin',
  ];
  await writeFile(join(folder, 'plugin-descriptor.properties'), `${description.join('\n')}\n`);
}

/** Once, here: Java could run the source as it stands, but would take seconds at each start. */
async function compile(jdk: string, source: string, home: string): Promise<void> {
  const args = ['--release', String(OLDEST_JAVA), '-cp', join(home, 'lib/*'), '-d', join(home, 'classes'), source];
  const { code, output } = await runToEnd(join(jdk, 'bin/javac'), args);
  if (code !== 0) throw new Error(`${source} does not compile:\n${lastLines(output)}`);
}
