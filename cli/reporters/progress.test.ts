import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { mock, test } from 'node:test';
import { progressReporter } from './progress.ts';

test('a line tells every few seconds where a command stands, also while nothing comes', () => {
  mock.timers.enable({ apis: ['setInterval', 'Date'] });
  try {
    const stream = new PassThrough();
    const reporter = progressReporter(stream as unknown as NodeJS.WriteStream, false);
    const at = (done: number) => () => ({
      step: 'sending',
      done,
      text: 'text',
      unit: 'instances',
      amount: done * 1000,
    });
    const seconds = (count: number) => {
      for (let i = 0; i < count; i++) mock.timers.tick(1000);
      return String(stream.read() ?? '');
    };
    reporter.update(at(0));
    assert.equal(seconds(4), '');
    reporter.update(at(0.1));
    assert.equal(seconds(1), 'sending: 10%, text, 20 instances/s, 45 s left\n');
    assert.equal(seconds(4), '');
    assert.equal(seconds(1), 'sending: 10%, text, 10 instances/s, 1 min 30 s left\n');
    reporter.stop();
    assert.equal(seconds(60), '');
  } finally {
    mock.timers.reset();
  }
});
