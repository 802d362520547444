// 20,000 damaged and made-up files, or as many as DITAG_FUZZ_INPUTS says, from DITAG_SEED or a seed of its own.
import process from 'node:process';
import { test } from 'node:test';
import { fuzzReader } from './reader-fuzz.ts';

test('the header reader bears damaged files', (t) => {
  const inputs = Number(process.env['DITAG_FUZZ_INPUTS'] ?? 20_000);
  const seed = Number(process.env['DITAG_SEED'] ?? Date.now() % 1_000_000_007);
  t.diagnostic(`seed ${seed}`);
  const { outcomes, slowest, mostAsked } = fuzzReader(inputs, seed);
  t.diagnostic(`${JSON.stringify(outcomes)}, slowest ${slowest.toFixed(0)} ms, at most ${mostAsked} bytes asked for`);
});
