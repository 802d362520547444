// The configuration file, by the rules of Python's configparser, which wrote it for years: sections, `key = value` or
// `key: value`, keys without regard to case, whole-line comments, values that go on in deeper indented lines, `%%` and
// `%(name)s`, and a section DEFAULT that all others inherit. Edits are made in place: comments and unknown keys survive.

interface Line {
  readonly section: string;
  /** Lower-case key whose value this line begins or continues; '' for any other line. */
  readonly key: string;
  /** What the line adds to the value. */
  readonly value: string;
  readonly text: string;
}

export class IniFile {
  private readonly lines: Line[] = [];

  /** Throws an Error that names the line for text that configparser would not read either. */
  constructor(text: string) {
    const lines = text.split(/\r\n|\r|\n/);
    if (lines[lines.length - 1] === '') lines.pop();
    let section: string | undefined;
    let key = '';
    let indent = 0;
    const seen = new Set<string>();
    lines.forEach((line, i) => {
      const add = (value: string, of = key) => this.lines.push({ section: section ?? '', key: of, value, text: line });
      const value = line.trim();
      if (value.startsWith('#') || value.startsWith(';')) {
        add('', '');
        return;
      }
      if (value === '') {
        // An empty line inside a value belongs to it; behind the last one it is cut off again.
        add('');
        return;
      }
      const own = line.length - line.trimStart().length;
      if (section !== undefined && key !== '' && own > indent) {
        add(value);
        return;
      }
      indent = own;
      const header = /^\[(.+)\]/.exec(value);
      if (header !== null) {
        section = header[1]!;
        if (section !== 'DEFAULT' && seen.has(`[${section}`))
          throw new Error(`line ${i + 1} repeats section [${section}]`);
        seen.add(`[${section}`);
        key = '';
        add('');
        return;
      }
      if (section === undefined) throw new Error(`line ${i + 1} stands before the first [section]`);
      const pair = /^(.*?)\s*[=:]\s*(.*)$/.exec(value);
      if (pair === null || pair[1] === '')
        throw new Error(`line ${i + 1} is neither [section], comment nor key = value`);
      key = pair[1]!.trimEnd().toLowerCase();
      if (seen.has(`${section}]${key}`)) throw new Error(`line ${i + 1} repeats ${key} in section [${section}]`);
      seen.add(`${section}]${key}`);
      add(pair[2]!.trim());
    });
  }

  /** The names of the sections, in their order. */
  sections(): string[] {
    return [...new Set(this.lines.map(({ section }) => section))].filter((section) => section !== '');
  }

  /** The keys that a section itself has. */
  keys(section: string): string[] {
    return this.lines.filter((line) => line.section === section && line.key !== '').map(({ key }) => key);
  }

  /** The value of a key, from its section or from DEFAULT; undefined where neither has it. */
  get(section: string, key: string): string | undefined {
    return this.resolve(section, key.toLowerCase(), 0);
  }

  /** Sets a key, in place where it stands already. Throws where `canHold` says no. */
  set(section: string, key: string, value: string): void {
    if (!canHold(value)) throw new Error(`a value of ${key} that no line of a configuration can hold`);
    const lower = key.toLowerCase();
    const text = `${key} = ${value.replaceAll('%', '%%')}`;
    const line: Line = { section, key: lower, value: text.slice(key.length + 3), text };
    const at = this.lines.findIndex((one) => one.section === section && one.key === lower);
    if (at >= 0) {
      let last = this.lines.findLastIndex((one) => one.section === section && one.key === lower);
      while (last > at && this.lines[last]!.text.trim() === '') last--;
      // Comments between the lines of a value that is replaced stay.
      const comments = this.lines.slice(at + 1, last + 1).filter((one) => one.key === '');
      this.lines.splice(at, last - at + 1, line, ...comments);
      return;
    }
    let end = this.lines.findLastIndex((one) => one.section === section);
    if (end < 0) {
      const last = this.lines[this.lines.length - 1];
      if (last !== undefined && last.text.trim() !== '')
        this.lines.push({ section: last.section, key: '', value: '', text: '' });
      this.lines.push({ section, key: '', value: '', text: `[${section}]` });
      end = this.lines.length - 1;
    }
    while (end > 0 && this.lines[end]!.text.trim() === '') end--;
    this.lines.splice(end + 1, 0, line);
  }

  toString(): string {
    return this.lines.map((line) => `${line.text}\n`).join('');
  }

  private resolve(section: string, key: string, depth: number): string | undefined {
    const raw = this.raw(section, key) ?? this.raw('DEFAULT', key);
    if (raw === undefined || depth > 10) return raw;
    return raw.replace(/%(%|\((\w+)\)s)/g, (whole, what: string, name?: string) => {
      return what === '%' ? '%' : (this.resolve(section, name!.toLowerCase(), depth + 1) ?? whole);
    });
  }

  private raw(section: string, key: string): string | undefined {
    const own = this.lines.filter((line) => line.section === section && line.key === key);
    return own.length === 0
      ? undefined
      : own
          .map((line) => line.value)
          .join('\n')
          .trimEnd();
  }
}

/** Would a value be read as it was written? One with a line break, or blanks around it, would not. */
export function canHold(value: string): boolean {
  return value === value.trim() && !/[\r\n\u2028\u2029]/.test(value);
}
