// `npm run build`: makes dist/, what is published. Own code is bundled, since a query's time is mostly that of
// loading modules, and so are the two libraries that every query needs: fifteen files less are a tenth of its start.
// Other libraries stay what package.json says. Everything lies flat in one folder, because the program
// finds the files of its threads beside itself.
import fs from 'node:fs';
import zlib from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';

const OUTPUT = 'dist';
const BUNDLED = ['commander', 'csv-stringify'];

const { dependencies } = JSON.parse(fs.readFileSync('package.json', 'utf8')) as {
  dependencies: Record<string, string>;
};
const others = Object.keys(dependencies).filter((name) => !BUNDLED.includes(name));

const common: BuildOptions = {
  entryNames: '[name]',
  outdir: OUTPUT,
  bundle: true,
  splitting: true,
  external: others.flatMap((name) => [name, `${name}/*`]),
  platform: 'node',
  format: 'esm',
  target: 'node24',
  logLevel: 'warning',
};

/** Folders of the packages whose code is in what was bundled. */
const bundled = new Set<string>();

async function bundle(options: BuildOptions): Promise<void> {
  const { metafile } = await build({ ...options, metafile: true });
  for (const input of Object.keys(metafile.inputs)) {
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];
    if (folder !== undefined) bundled.add(folder);
  }
}

/** The licence of a package, as those who pass its code on have to. */
function licenceOf(folder: string): string {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const file = fs.readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (file === undefined) throw new Error(`${name} is bundled, and has no file with its licence.`);
  return `${name}\n\n${fs.readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
}

fs.rmSync(OUTPUT, { recursive: true, force: true });
await bundle({ ...common, entryPoints: ['cli/main.ts'], chunkNames: '[name]-[hash]' });
// What runs in a thread is one file each: it shares no module with the program that starts it, and chunks in common
// would cut both into more and smaller files, each of which takes time at the start.
await bundle({
  ...common,
  splitting: false,
  entryPoints: [
    'cli/workspaces/local/scan-worker.ts',
    'cli/workspaces/local/index-thread.ts',
    'adapters/imaging/preview-worker.ts',
  ],
});
// The services are bundled apart: chunks in common with them would cut the program's own into more and smaller files,
// and each of those takes time at the start of a command.
await bundle({
  ...common,
  entryPoints: {
    scanner: 'services/scanner/main.ts',
    indexer: 'services/indexer/main.ts',
    api: 'services/api/main.ts',
    'dimse-gateway': 'services/dimse-gateway/main.ts',
  },
  chunkNames: 'service-[name]-[hash]',
});
// The page of the API, for browsers: it brings everything with it.
await bundle({
  entryPoints: { page: 'services/api/page/main.tsx', viewer: 'services/api/page/viewer.tsx' },
  outdir: `${OUTPUT}/page`,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
for (const file of ['index.html', 'api.html', 'page.css'])
  fs.copyFileSync(`services/api/page/${file}`, `${OUTPUT}/page/${file}`);
// As browsers take them: nothing is compressed while it is served.
for (const file of fs.readdirSync(`${OUTPUT}/page`)) {
  const bytes = fs.readFileSync(`${OUTPUT}/page/${file}`);
  fs.writeFileSync(`${OUTPUT}/page/${file}.gz`, zlib.gzipSync(bytes, { level: 9 }));
}
fs.writeFileSync(`${OUTPUT}/LICENCES`, [...bundled].sort().map(licenceOf).join('\n\n'));
fs.chmodSync(`${OUTPUT}/main.js`, 0o755);
