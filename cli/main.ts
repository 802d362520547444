#!/usr/bin/env node
// The entry of the program `ditag`. It only makes sure that Node is new enough, in syntax that any Node understands;
// the program itself is in program.ts.

/** The oldest Node with all that ditag uses: SQLite and Zstandard among its modules. As `engines` in package.json. */
const NODE_WANTED = '24.10';

const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
const [wantedMajor, wantedMinor] = NODE_WANTED.split('.').map(Number) as [number, number];

if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
  process.stderr.write(`ditag needs Node.js ${NODE_WANTED} or newer; this is ${process.version}.\n`);
  process.exitCode = 2;
} else {
  const { main } = await import('./program.ts');
  process.exitCode = await main(process.argv);
}
