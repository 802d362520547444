// Compares the pattern module with a live CPython 3.11 on random patterns and values.
//
//   node test/pattern/differential.ts --patterns 10000 --seed 1
//
// Prints the seed, counts and every mismatch; exit code 1 if there is any. A pattern on which Python itself takes more
// than two seconds, or which it refuses for reasons of its own, is left out and counted.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type Engine, testWith } from '../../core/query/pattern/engines.ts';
import { parsePattern } from '../../core/query/pattern/parse.ts';
import { compilePattern, PatternBudget, PatternError, PatternTooExpensive } from '../../core/query/pattern/pattern.ts';
import { RandomPatterns } from './random-patterns.ts';

const PYTHON = `
import json, re, signal, sys, warnings
warnings.simplefilter("ignore")
class Slow(BaseException): pass
def alarm(*_): raise Slow()
signal.signal(signal.SIGALRM, alarm)
for line in sys.stdin:
    pattern, values = json.loads(line)
    signal.alarm(2)
    try:
        compiled = re.compile(pattern)
        answer = [1 if compiled.search(value) else 0 for value in values]
    except (Slow, SystemError, MemoryError, RecursionError) as error: answer = "skip " + type(error).__name__
    except (re.error, OverflowError, ValueError) as error:
        answer = {"reason": getattr(error, "msg", str(error)), "position": getattr(error, "pos", None)}
    signal.alarm(0)
    print(json.dumps(answer), flush=True)
`;

type Answer = readonly number[] | string | { readonly reason: string; readonly position: number | null };

const ENGINES: readonly Engine[] = ['native', 'linear', 'backtrack'];
const VALUES = 30;

const { values: options } = parseArgs({
  options: { patterns: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
const random = new RandomPatterns(Number(options.seed));
const count = Number(options.patterns);

const python = spawn('python3', ['-c', PYTHON], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
const tally = { valid: 0, invalid: 0, skipped: 0, refused: 0, mismatches: 0, verdicts: 0, native: 0, linear: 0 };

const BATCH = 100;
for (let done = 0; done < count; done += BATCH) {
  const cases = Array.from({ length: Math.min(BATCH, count - done) }, () => ({
    pattern: random.pattern(),
    values: Array.from({ length: VALUES }, () => random.value()),
  }));
  for (const { pattern, values } of cases) python.stdin.write(`${JSON.stringify([pattern, values])}\n`);
  for (const { pattern, values } of cases) {
    const line = await lines.next();
    compare(pattern, values, JSON.parse(String(line.value)) as Answer);
  }
}
python.stdin.end();
console.log(`seed ${options.seed}: ${JSON.stringify(tally)}`);
process.exitCode = tally.mismatches > 0 ? 1 : 0;

function mismatch(pattern: string, what: string): void {
  tally.mismatches++;
  console.log(`MISMATCH ${JSON.stringify(pattern)}: ${what}`);
}

function compare(pattern: string, values: readonly string[], answer: Answer): void {
  if (typeof answer === 'string') {
    tally.skipped++;
    return;
  }
  try {
    const compiled = compilePattern(pattern);
    if (!isVerdicts(answer)) {
      mismatch(pattern, `accepted, Python says ${answer.reason} at ${answer.position}`);
      return;
    }
    tally.valid++;
    compareVerdicts(pattern, 'layered', (value) => compiled.test(value), values, answer);
    const parsed = parsePattern(pattern);
    for (const engine of ENGINES) {
      const test = testWith(engine, parsed);
      if (test === undefined) continue;
      if (engine !== 'backtrack') tally[engine]++;
      const budget = new PatternBudget();
      compareVerdicts(pattern, engine, (value) => test(value, budget), values, answer);
    }
  } catch (error) {
    if (!(error instanceof PatternError)) {
      mismatch(pattern, `threw ${String(error)}`);
    } else if (isVerdicts(answer)) {
      if (error.message.includes('too large') || error.message.includes('not supported')) tally.refused++;
      else mismatch(pattern, `refused (${error.message}), Python accepts`);
    } else {
      tally.invalid++;
      const position = error.position ?? null;
      if (!error.message.includes(answer.reason) || (answer.position !== null && position !== answer.position)) {
        mismatch(pattern, `says ${error.message} [${position}], Python ${answer.reason} [${answer.position}]`);
      }
    }
  }
}

function isVerdicts(answer: Answer): answer is readonly number[] {
  return Array.isArray(answer);
}

function compareVerdicts(
  pattern: string,
  engine: string,
  test: (value: string) => boolean,
  values: readonly string[],
  expected: readonly number[],
): void {
  for (const [index, value] of values.entries()) {
    try {
      const found = test(value);
      tally.verdicts++;
      if (found !== (expected[index] === 1)) {
        mismatch(pattern, `${engine} says ${found} on ${JSON.stringify(value)}`);
        return;
      }
    } catch (error) {
      if (!(error instanceof PatternTooExpensive)) throw error;
      tally.refused++;
      return;
    }
  }
}
