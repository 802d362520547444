// `npm run build`: makes dist/, what is published. Own code is bundled, since a query's time is mostly that of
// loading modules; libraries stay what package.json says. Everything lies flat in one folder, because the program
// finds the files of its threads beside itself.
import fs from 'node:fs';
import { build } from 'esbuild';

const OUTPUT = 'dist';

fs.rmSync(OUTPUT, { recursive: true, force: true });
await build({
  entryPoints: ['cli/main.ts', 'cli/workspaces/local/scan-worker.ts', 'cli/workspaces/local/index-thread.ts'],
  entryNames: '[name]',
  chunkNames: '[name]-[hash]',
  outdir: OUTPUT,
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node24',
  logLevel: 'warning',
});
fs.chmodSync(`${OUTPUT}/main.js`, 0o755);
