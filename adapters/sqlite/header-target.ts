// One target outside the table of indexed attributes, over the blocks of full headers: its text in a slot, and which
// slots have a pattern.
import type { DatabaseSync } from 'node:sqlite';
import { creatorName } from '../../core/dicom/kept-text.ts';
import type { Pattern } from '../../core/query/pattern/pattern.ts';
import { type Target, targetText } from '../../core/query/target.ts';
import { BLOCK, HeaderBlockReader, type HeaderColumn } from './header-blocks.ts';

export class HeaderTarget {
  private readonly target: Target;
  private readonly headers: HeaderBlockReader;
  /** Number of the target's own key; undefined where no header has it. */
  private readonly key: number | undefined;
  /** For a private tag by its full number: the key of its block's creator, and the tag's key by creator. */
  private readonly creatorKey: number | undefined;
  private readonly keyOfCreator = new Map<string, number>();
  private readonly columns = new Map<number, Map<number, HeaderColumn | undefined>>();

  constructor(database: DatabaseSync, target: Target) {
    this.target = target;
    this.headers = new HeaderBlockReader(database);
    const first = target.path[0]!;
    this.key = this.headers.keyId(first.key);
    if (first.block === undefined) return;
    this.creatorKey = this.headers.keyId(first.block.creatorKey);
    const { prefix } = first.block;
    for (const { id, key } of this.headers.keysWithPrefix(prefix)) this.keyOfCreator.set(key.slice(prefix.length), id);
  }

  /** The target's text in a slot; '' where it is missing. */
  text(slot: number): string {
    const block = Math.floor(slot / BLOCK);
    const at = slot % BLOCK;
    const key = this.keyIn(block, at);
    return key === undefined ? '' : targetText(this.value(key, block, at), this.target.path);
  }

  /** A byte a slot: 1 where the pattern is found. */
  test(pattern: Pattern): Uint8Array {
    const slots = this.headers.slots();
    const verdicts = new Uint8Array(slots);
    if (this.creatorKey !== undefined && this.keyOfCreator.size > 0) {
      for (let slot = 0; slot < slots; slot++) if (pattern.test(this.text(slot))) verdicts[slot] = 1;
      return verdicts;
    }
    const { path } = this.target;
    const test = (kept: string) => pattern.test(targetText(kept, path));
    if (pattern.test('')) {
      // A series without the tag has the empty value.
      verdicts.fill(1);
      if (this.key !== undefined) this.headers.testNot(this.key, test, verdicts);
    } else if (this.key !== undefined) {
      // A literal inside a sequence's JSON text may be written with escapes there.
      this.headers.test(this.key, path.length === 1 ? pattern.requiredLiteral : '', test, verdicts);
    }
    return verdicts;
  }

  /** The key under which the header in this place keeps the target. */
  private keyIn(block: number, at: number): number | undefined {
    if (this.creatorKey === undefined) return this.key;
    const creator = creatorName(this.value(this.creatorKey, block, at));
    return this.keyOfCreator.get(creator) ?? this.key;
  }

  private value(key: number, block: number, at: number): string {
    let columns = this.columns.get(key);
    if (columns === undefined) {
      columns = new Map();
      this.columns.set(key, columns);
    }
    if (!columns.has(block)) columns.set(block, this.headers.column(key, block));
    const column = columns.get(block);
    return column === undefined ? '' : column.values[column.codes[at] ?? 0]!;
  }
}
